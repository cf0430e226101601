# SPDX-License-Identifier: Apache-2.0
"""Readers of the pages about what agents can reach, and how they come by more, for `test_howtos`."""

import asyncio
import json
import re
import time

from smartagent.crypto import SigningKey, sign_compact, system_entropy
from tests.backends.conftest import furnish_shop
from tests.backends.servers import BROKER_PASSWORD, postgres_versions, running
from tests.e2e.howtos_of_leases import until_dead

FIXER = 'name = "fixer"\nscopes = ["fix"]\n'


async def second_operator(reader, profile):
    """Have another operator log in beside the reader, and return what their commands begin with."""
    link = (await reader.authority.api("POST", "/v1/claim-links", {}))["link"]
    begin = f"smartagentctl --profile {profile}"
    await reader.shell.run(f"{begin} login '{link}' --name {profile}")
    return begin


async def break_glass(reader):
    bot = await reader.enrol("bot")
    other = await second_operator(reader, "colleague")
    await reader.authority.api("PUT", "/v1/roles/fixer", {"role_file": FIXER})
    opened = await reader.do(also={"agt_...": bot})
    found = re.search(r"bgl_\w{26}", opened)[0]
    named = {"agt_...": bot, "bgl_...": found, "break-glass-...": f"break-glass-{found[4:]}"}
    assert "in-force" in await reader.do(also=named | {"smartagentctl": other})
    assert "BREAK-GLASS in-force" in await reader.do(also=named)
    assert "over" in await reader.do(also=named)
    assert "keep" in await reader.do(also=named | {"smartagentctl review decide": f"{other} review decide"})
    await reader.do(also={"smartagentctl": other})
    made = json.loads(await reader.shell.run(f"{other} break-glass key create --json"))
    await reader.shell.run(f"echo '{made['recovery_key']}' >envelope.txt")
    assert "in-force" in await reader.do(also=named)
    keys = json.loads(await reader.shell.run("smartagentctl break-glass key list --json"))
    unused = next(each["id"] for each in keys if not each["ended_at"])
    assert "opens nothing any more" in await reader.do(also={"rky_...": unused})
    assert "are of a BREAK-GLASS" in await reader.do()


async def narrow(reader):
    with running(postgres_versions()["pip"]) as server:
        await asyncio.to_thread(furnish_shop, server)
        settings = {"host": "127.0.0.1", "port": server.port, "database": "shop", "user": "broker"}
        provider = {"kind": "postgresql", "settings": {**settings, "tls": "disable"}}
        await reader.shell.run(f"printf %s '{BROKER_PASSWORD}' | smartagentctl secret put shop-broker")
        secrets = {"secrets": {"password": "shop-broker"}}
        await reader.authority.api("PUT", "/v1/providers/shop-db", provider | secrets)
        await reader.do()
        await reader.do()
        bot = await reader.enrol("greeter", "greeter")
        printed = await reader.do()
        assert "Ada" in printed
        assert "permission denied" in printed
        shown = await reader.do(also={"agt_...": bot})
        assert "only SELECT public.customers/id, SELECT public.customers/name" in shown
        assert "packager" in await reader.do()
        assert "no-names" in await reader.do()
        await reader.shell.run("smartagentctl lease revoke shop-read --by credential --reason over")
        await until_dead(reader, "shop-read")


CLERK = 'name = "clerk"\nscopes = ["access"]\naudiences = ["{issuer}"]\n'


async def ask_for_access(reader):
    role = CLERK.format(issuer=reader.authority.issuer)
    await reader.authority.api("PUT", "/v1/roles/clerk", {"role_file": role})
    await reader.enrol("clerk", "clerk")
    await reader.do()
    asked = json.loads(await reader.do())
    assert asked.get("wanted") == "POST /refunds/17 on orders", asked
    named = {"req_...": asked["id"]}
    shown = await reader.do(also=named)
    assert '+paths = ["/refunds/17"]' in shown
    assert '+paths = ["/refunds/*"]' in await reader.do(also=named)
    assert "accepted" in await reader.do(also=named)


def id_token(key, **more):
    """Return an ID token as the page's issuer makes it."""
    now = int(time.time())  # noqa: TID251 -- the authority's clock is this machine's
    claims = {
        "iss": "https://idp.corp.example",
        "sub": "bo",
        "aud": "my-client-id",
        "iat": now,
        "exp": now + 300,
    }
    header = {"alg": "EdDSA", "typ": "JWT", "kid": "one"}
    return sign_compact(header, json.dumps(claims | more).encode(), key)


async def oidc_groups(reader):
    key = SigningKey.generate(system_entropy)
    keys = {"keys": [{**key.public.jwk(), "kid": "one", "use": "sig"}]}
    await reader.shell.run(f"echo '{json.dumps(keys)}' >idp.json")
    trusted = "--audience my-client-id --jwks idp.json --algorithm EdDSA"
    assert "Trusted" in await reader.do(also={"--audience my-client-id": trusted})
    assert "platform" in await reader.do()
    await reader.set("ID_TOKEN", id_token(key, groups=["platform"], name="Bo"))
    printed = await reader.do()
    assert '"step":"join"' in printed.replace(" ", "")
    assert "Bo" in printed

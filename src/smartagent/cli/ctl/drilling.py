# SPDX-License-Identifier: Apache-2.0
"""A drill: a canary agent gets one of everything, is revoked, and each thing is tried until it is refused.

enrol --> session, token, derived token, one lease of each credential --> all of them work --> revoke
--> each is tried again and again --> what was refused when, and what outlives the revocation until when
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec

from smartagent.cli.exits import REFUSED, Exit
from smartagent.crypto import SigningKey
from smartagent.drivers import (
    DriverError,
    MariaDbAdmin,
    MariaDbTarget,
    PostgresAdmin,
    PostgresTarget,
    Web,
)
from smartagent.sdk import (
    Agent,
    AgentSession,
    AuthorityRefused,
    Holder,
    LeasedCredential,
    Means,
    Operator,
    client_assertion,
    enrol,
    session,
)

LOOK_SECONDS: Final = 0.02
_NOWHERE: Final = "/drill/nothing-is-here"
_UNAUTHORIZED: Final = 401
_OK: Final = 200
_FORM: Final = {"content-type": "application/x-www-form-urlencoded"}
_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
_TOKEN_TYPE: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 -- a name
_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

Try = Callable[[], Awaitable[bool]]


class Tried(msgspec.Struct, frozen=True):
    """What came of one thing.  `refused_after_ms` is None when it was not refused in time, or not tried."""

    what: str
    worked: bool
    refused_after_ms: int | None
    note: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """What came of a drill; `passed`: everything that was tried was refused, and the report is complete."""

    agent: str
    passed: bool
    tried: tuple[Tried, ...]
    report: Mapping[str, object]


class _Made(msgspec.Struct):
    access_token: str = ""


class _Entry(msgspec.Struct):
    name: str
    provider: str = ""
    kind: str = ""
    settings: dict[str, object] = {}


class _Credentials(msgspec.Struct):
    credentials: list[_Entry]


class _Providers(msgspec.Struct):
    providers: list[_Entry]


class _Found(msgspec.Struct):
    report: dict[str, object]


class Drill:
    """One drill.

    Args:
        operator: Who runs it.
        role: What the canary gets.
        gateway: The gateway's URL.
        means: How to send and tell the time.
        timeout_seconds: How long anything may take to be refused.
    """

    def __init__(
        self, operator: Operator, role: str, gateway: str, means: Means, timeout_seconds: float
    ) -> None:
        self._operator = operator
        self._role = role
        self._gateway = gateway
        self._means = means
        self._timeout_seconds = timeout_seconds
        self._tries: dict[str, Try] = {}
        self._untried: list[Tried] = []

    async def run(self) -> Outcome:
        """Do it, and leave nothing alive whatever happens.

        Raises:
            AuthorityRefused: The authority said no to a step of it.
            AuthorityUnreachable: It did not answer.
            Exit: Something did not work before anything was revoked.
        """
        holder = await self._enrolled()
        try:
            async with contextlib.AsyncExitStack() as stack:
                await self._furnish(stack, holder)
                for what, works in self._tries.items():
                    if not await works():
                        raise Exit(REFUSED, f"The drill's {what} did not work before it was revoked.")
                return await self._revoked(holder.principal)
        finally:
            await self._status(holder.principal)

    async def _enrolled(self) -> Holder:
        raw = await self._operator.request("POST", "/v1/enrolments", {"role": self._role})
        token = str(msgspec.json.decode(raw)["enrolment_token"])
        blank = Holder(SigningKey.generate(self._means.entropy))
        return await enrol(blank, self._operator.issuer, token, "drill canary", means=self._means)

    async def _furnish(self, stack: contextlib.AsyncExitStack, holder: Holder) -> None:
        agent = Agent(holder, gateway=self._gateway, means=self._means)
        # A session that renews itself would be cut in the middle; it is not entered, only opened.
        own: AgentSession = session(agent, means=self._means)
        await own.__aenter__()
        stack.push_async_callback(_closed, own)
        self._tries["key"] = lambda: _opens(agent)
        kept = own.token.reveal()
        self._tries["session token"] = lambda: self._is_taken(f"{agent.issuer}/v1/leases/available", kept)
        token = await agent.token()
        gateway = f"{self._gateway}{_NOWHERE}"
        self._tries["access token at the gateway"] = lambda: self._is_taken(gateway, token)
        derived = await self._derived(holder, token)
        if derived:
            self._tries["derived token"] = lambda: self._is_taken(gateway, derived)
        else:
            self._untried.append(
                Tried("derived token", worked=False, refused_after_ms=None, note="not given")
            )
        kinds = await self._kinds()
        for each in await own.available():
            credential = await own.credential(each.name)
            await self._try_credential(stack, credential, kinds.get(each.name, _Entry("")))

    async def _derived(self, holder: Holder, token: str) -> str:
        means = self._means
        assertion = client_assertion(
            holder.key, holder.issuer, holder.principal, now=means.clock.now(), entropy=means.entropy
        )
        call = {"type": "smartagent_call", "locations": [self._gateway], "method": "GET", "path": _NOWHERE}
        form = {
            "grant_type": _EXCHANGE,
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": assertion,
            "subject_token": token,
            "subject_token_type": _TOKEN_TYPE,
            "authorization_details": msgspec.json.encode([call]).decode(),
        }
        answer = await means.exchange("POST", f"{holder.issuer}/oauth/token", _FORM, urlencode(form).encode())
        return msgspec.json.decode(answer.body, type=_Made).access_token if answer.status == _OK else ""

    async def _kinds(self) -> dict[str, _Entry]:
        raw = await self._operator.request("GET", "/v1/providers")
        providers = {each.name: each for each in msgspec.json.decode(raw, type=_Providers).providers}
        raw = await self._operator.request("GET", "/v1/credentials")
        credentials = msgspec.json.decode(raw, type=_Credentials).credentials
        return {each.name: providers.get(each.provider, _Entry("")) for each in credentials}

    async def _try_credential(
        self, stack: contextlib.AsyncExitStack, leased: LeasedCredential, provider: _Entry
    ) -> None:
        what = f"{leased.name} ({provider.kind or 'unknown'})"
        try:
            match provider.kind:
                case "postgresql":
                    await self._try_postgres(stack, what, leased, provider)
                case "mariadb":
                    self._try_mariadb(what, leased, provider)
                case "github":
                    self._try_github(what, leased, provider)
                case _:
                    note = "leased and ended; the report says what it outlives"
                    self._untried.append(Tried(what, worked=True, refused_after_ms=None, note=note))
        except DriverError as error:
            note = f"cannot be tried from here: {error.reason}"
            self._untried.append(Tried(what, worked=False, refused_after_ms=None, note=note))

    async def _try_postgres(
        self, stack: contextlib.AsyncExitStack, what: str, leased: LeasedCredential, provider: _Entry
    ) -> None:
        read = {name: value.reveal() for name, value in leased.fields.items()}
        settings = provider.settings
        target = PostgresTarget(
            read["host"],
            read["database"],
            read["username"],
            int(read["port"]),
            str(settings.get("tls", "verify-full")),
            str(settings.get("ca", "")),
        )
        admin, password = PostgresAdmin(self._means.entropy), leased.fields["password"]
        held = await stack.enter_async_context(admin.held_login(target, password))
        self._tries[f"{what}: open connection"] = held
        self._tries[f"{what}: new login"] = lambda: _gets_in(admin.check_login(target, password))

    def _try_mariadb(self, what: str, leased: LeasedCredential, provider: _Entry) -> None:
        read = {name: value.reveal() for name, value in leased.fields.items()}
        settings = provider.settings
        target = MariaDbTarget(
            read["host"],
            read["database"],
            read["username"],
            int(read["port"]),
            str(settings.get("tls", "verify-full")),
            str(settings.get("ca", "")),
        )
        admin, password = MariaDbAdmin(), leased.fields["password"]
        self._tries[f"{what}: new login"] = lambda: _gets_in(admin.check_login(target, password))

    def _try_github(self, what: str, leased: LeasedCredential, provider: _Entry) -> None:
        token = leased.fields["token"].reveal()
        url = f"{provider.settings.get('api_url', 'https://api.github.com')}/installation/repositories"

        async def works() -> bool:
            answer = await Web().send("GET", url, {"authorization": f"Bearer {token}"})
            return answer.status != _UNAUTHORIZED

        self._tries[what] = works

    async def _revoked(self, agent: str) -> Outcome:
        begun = self._means.clock.monotonic()
        await self._operator.request("POST", "/v1/emergencies", {"agent": agent, "reason": "drill"})
        tried = await asyncio.gather(
            *(self._until_refused(what, works, begun) for what, works in self._tries.items())
        )
        report = await self._report(agent, begun)
        refused = all(each.refused_after_ms is not None for each in tried)
        return Outcome(agent, refused and bool(report.get("complete")), (*tried, *self._untried), report)

    async def _until_refused(self, what: str, works: Try, begun: float) -> Tried:
        while True:
            try:
                alive = await works()
            except DriverError as error:
                return Tried(what, worked=True, refused_after_ms=None, note=error.reason)
            now = self._means.clock.monotonic()
            if not alive:
                return Tried(what, worked=True, refused_after_ms=int((now - begun) * 1000))
            if now - begun > self._timeout_seconds:
                return Tried(what, worked=True, refused_after_ms=None, note="still taken")
            await asyncio.sleep(LOOK_SECONDS)

    async def _report(self, agent: str, begun: float) -> dict[str, object]:
        while True:
            raw = await self._operator.request("GET", f"/v1/emergencies/{agent}")
            report = msgspec.json.decode(raw, type=_Found).report
            waited = self._means.clock.monotonic() - begun
            if report.get("complete") or waited > self._timeout_seconds:
                return report
            await asyncio.sleep(LOOK_SECONDS * 10)

    async def _status(self, agent: str) -> None:
        body = {"status": "retired", "reason": "drill"}
        with contextlib.suppress(AuthorityRefused):
            await self._operator.request("POST", f"/v1/agents/{agent}/status", body)

    async def _is_taken(self, url: str, token: str) -> bool:
        answer = await self._means.exchange("GET", url, {"authorization": f"Bearer {token}"}, b"")
        return answer.status != _UNAUTHORIZED


async def _opens(agent: Agent) -> bool:
    try:
        await agent.open_session()
    except AuthorityRefused as refused:
        if refused.status == _UNAUTHORIZED:
            return False
        raise
    return True


async def _gets_in(login: Awaitable[None]) -> bool:
    try:
        await login
    except DriverError:
        return False
    return True


async def _closed(own: AgentSession) -> None:
    with contextlib.suppress(AuthorityRefused):
        await own.close()

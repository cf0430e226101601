# SPDX-License-Identifier: Apache-2.0
"""Access tokens for the measurements, got as any OAuth client gets them."""

import json
import time
import urllib.parse
import uuid
from itertools import cycle, islice
from pathlib import Path

from bench.authority import Authority, ask
from smartagent.crypto import SigningKey, sign_compact, unb64u
from smartagent.kernel import Secret

_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def tokens_for(authority: Authority, agents: Path, count: int) -> list[str]:
    """Get `count` tokens, for one agent after the other."""
    known = [json.loads(line) for line in agents.read_text(encoding="utf-8").splitlines()]
    keys = {one["id"]: SigningKey.from_seed(Secret(unb64u(one["seed"]))) for one in known}
    return [_token(authority.issuer, identity, keys[identity]) for identity in islice(cycle(keys), count)]


def _token(issuer: str, identity: str, key: SigningKey) -> str:
    now = int(time.time())
    claims = {
        "iss": identity,
        "sub": identity,
        "aud": issuer,
        "jti": uuid.uuid4().hex,
        "iat": now,
        "exp": now + 55,
    }
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": _TYPE,
        "client_assertion": sign_compact({"alg": "EdDSA", "typ": "JWT"}, json.dumps(claims).encode(), key),
    }
    body = urllib.parse.urlencode(form).encode()
    headers = {"content-type": "application/x-www-form-urlencoded"}
    return ask(issuer, "POST", "/oauth/token", body, headers).json()["access_token"]

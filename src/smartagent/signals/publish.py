# SPDX-License-Identifier: Apache-2.0
"""The pages of the status lists: signed when somebody asks, and then kept for all who ask.

However often a list is fetched, it is packed once for each state it has and signed once in half its
time to live.  No store is asked.  A node whose memory does not follow the store signs nothing.

Spec: draft-ietf-oauth-status-list-21 sections 5.1, 8.1, 8.2, 8.4 and 9; RFC 9110 sections 12.5.1 and 13.1.2.
"""

from typing import Final

import msgspec

from smartagent.crypto import b64u, sha256
from smartagent.edge import Inbound, Reply, parse_form
from smartagent.kernel import Algorithm
from smartagent.signals.errors import StatusListUnknown, StatusNotFresh, StatusTimeUnsupported
from smartagent.signals.ports import Means
from smartagent.signals.rules import BITS, accepts, compressed
from smartagent.signals.statuses import STATUS_PATH, StatusList, StatusLists

AGGREGATION_PATH: Final = "/oauth/status-lists"
TYPE: Final = "statuslist+jwt"
MEDIA_TYPE: Final = "application/statuslist+jwt"
_CORS: Final = ("access-control-allow-origin", "*")
_VARY: Final = ("vary", "accept")
_LONGEST_NUMBER: Final = 9


class _Packed(msgspec.Struct, frozen=True):
    revision: int
    lst: str


class _Signed(msgspec.Struct, frozen=True):
    revision: int
    at: float
    etag: str
    reply: Reply
    unchanged: Reply


class StatusPages:
    """What anybody may read, without a record."""

    def __init__(self, means: Means, lists: StatusLists) -> None:
        self._means = means
        self._lists = lists
        self._packed: dict[int, _Packed] = {}
        self._signed: dict[int, _Signed] = {}

    async def show(self, inbound: Inbound) -> Reply:
        """Return a status list token.

        Raises:
            StatusListUnknown: There is no such list.
            StatusTimeUnsupported: A past state was asked for.
            StatusNotFresh: This node cannot vouch for the list now.
            KeysNotReady: There is nothing to sign with.
        """
        number = inbound.path.removeprefix(STATUS_PATH)
        if not number.isascii() or not number.isdigit() or len(number) > _LONGEST_NUMBER or number[0] == "0":
            raise StatusListUnknown("lists have numbers")
        home = self._lists.list_of(int(number))
        if home is None:
            raise StatusListUnknown("check the number")
        if not accepts(inbound.headers.get("accept", ""), MEDIA_TYPE):
            return _not_acceptable(inbound.request_id)
        if "time" in parse_form(inbound.query.encode("utf-8", "replace")):
            raise StatusTimeUnsupported("leave out `time` to get the list as it is now")
        signed = self._current(int(number), home)
        asked = inbound.headers.get("if-none-match", "")
        return signed.unchanged if asked and signed.etag in asked else signed.reply

    async def aggregation(self, _inbound: Inbound) -> Reply:
        """Return the URIs of all lists."""
        uris = [self._lists.uri(number) for number in self._lists.numbers()]
        return Reply(200, {"status_lists": uris}, headers=(self._cache, _CORS))

    @property
    def _cache(self) -> tuple[str, str]:
        return ("cache-control", f"public, max-age={self._means.bounds.list_ttl_seconds}")

    def _current(self, number: int, home: StatusList) -> _Signed:
        bounds, now = self._means.bounds, self._means.clock.now()
        signed = self._signed.get(number)
        age = now - signed.at if signed is not None else 0.0
        if not self._means.fresh():
            # What was signed before says when that was; who relies on it decides by that.
            if signed is None or age >= bounds.list_life_seconds:
                raise StatusNotFresh("this node does not follow the store's changes")
            return signed
        if signed is None or signed.revision != home.revision or age >= bounds.list_ttl_seconds / 2:
            signed = self._signed[number] = self._sign(number, home, now)
        return signed

    def _sign(self, number: int, home: StatusList, now: float) -> _Signed:
        packed = self._packed.get(number)
        if packed is None or packed.revision != home.revision:
            packed = self._packed[number] = _Packed(home.revision, b64u(compressed(home.packed)))
        bounds = self._means.bounds
        claims = {
            "iss": self._means.issuer,
            "sub": self._lists.uri(number),
            "iat": int(now),
            "exp": int(now) + bounds.list_life_seconds,
            "ttl": bounds.list_ttl_seconds,
            "status_list": {
                "bits": BITS,
                "lst": packed.lst,
                "aggregation_uri": self._means.issuer + AGGREGATION_PATH,
            },
        }
        token = self._means.sign(Algorithm.EDDSA, TYPE, msgspec.json.encode(claims)).encode("ascii")
        etag = f'"{b64u(sha256(token)[:16])}"'
        headers = (self._cache, _CORS, _VARY, ("etag", etag))
        # The list inside is compressed; compressing the answer again would cost time for little.
        reply = Reply(200, token, MEDIA_TYPE, headers)
        return _Signed(packed.revision, now, etag, reply, Reply(304, b"", MEDIA_TYPE, headers))


def _not_acceptable(request_id: str) -> Reply:
    problem = {
        "type": "urn:smartagent:error:not-acceptable",
        "title": "The list is not had in that form.",
        "status": 406,
        "detail": f"accept {MEDIA_TYPE}",
        "instance": request_id,
    }
    return Reply(406, problem, "application/problem+json", (_CORS, _VARY))

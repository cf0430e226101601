# SPDX-License-Identifier: Apache-2.0
"""The house's own API, as one operator may use it from a page.

A page has no other way to the rooms: it asks for a verb by its path, as the command line does, and the request
takes the pipeline's steps with the operator of the session as its caller.  So a page can do nothing that the
operator may not, and what it did is in the log as what it is.
"""

from typing import TypeVar

import msgspec

from smartagent.console.errors import VerbRefused
from smartagent.edge import AuthenticationFailed, House, Inbound, Proof, Reply, Router, handle
from smartagent.kernel import Caller, Committed, IdPrefix, Ids, Verdict, Work

T = TypeVar("T")

_FIRST_ERROR = 400


class _AsOperator:
    """The house, but for who calls: that was proven when the page was asked for."""

    def __init__(self, house: House, caller: Caller) -> None:
        self._house = house
        self._caller = caller

    def now(self) -> float:
        return self._house.now()

    async def authenticate(self, _inbound: Inbound, proof: Proof) -> Caller:
        if proof is not Proof.ACCESS_TOKEN:
            raise AuthenticationFailed("the console brings no such proof")
        return self._caller

    def authorise(self, caller: Caller, permission: str, inbound: Inbound) -> Verdict:
        return self._house.authorise(caller, permission, inbound)

    async def commit(self, work: Work, caller: Caller, holder: Caller | None = None) -> Committed:
        return await self._house.commit(work, caller, holder)


class _Problem(msgspec.Struct):
    title: str = ""
    detail: str = ""
    missing: str = ""


class Api:
    """The verbs of the house, for one operator.

    Args:
        router: Finds the verbs.
        house: What the pipeline asks.
        ids: Makes ids of requests.
        caller: The operator of the session.
    """

    def __init__(self, router: Router, house: House, ids: Ids, caller: Caller) -> None:
        self._router = router
        self._house = _AsOperator(house, caller)
        self._ids = ids
        self._caller = caller

    async def read(self, target: str, shape: type[T]) -> T:
        """Return what `target` (a path with its query) answers to a GET, as `shape`; other members are left out.

        Raises:
            VerbRefused: It answered with an error.
        """
        return msgspec.json.decode(await self.fetch("GET", target), type=shape)

    async def fetch(self, method: str, target: str, body: object = None) -> bytes:
        """Return the body of what a verb answers.

        Args:
            method: HTTP's.
            target: A path with its query, each part percent-encoded.
            body: What is sent as JSON; None sends nothing.

        Raises:
            VerbRefused: It answered with an error.
        """
        path, _, query = target.partition("?")
        found = self._router.match(method, path)
        raw = b"" if body is None else msgspec.json.encode(body)
        inbound = Inbound(
            request_id=self._ids.new(IdPrefix.REQUEST),
            method=method,
            path=path,
            query=query,
            headers={"content-type": "application/json"} if raw else {},
            body=raw,
            client_ip=self._caller.client_ip,
            params=found.params,
        )
        return _body_of(await handle(inbound, found.route, self._house))


def _body_of(reply: Reply) -> bytes:
    body = reply.body if isinstance(reply.body, bytes) else msgspec.json.encode(reply.body)
    if reply.status >= _FIRST_ERROR:
        said = msgspec.json.decode(body, type=_Problem)
        raise VerbRefused(reply.status, f"{said.title} {said.detail}".strip(), said.missing)
    return body

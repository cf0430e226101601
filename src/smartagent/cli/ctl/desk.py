# SPDX-License-Identifier: Apache-2.0
"""One question to the authority and its answer; every way it can fail, as an exit code and a sentence."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlencode

import msgspec
import typer

from smartagent.cli.ctl.place import Place, place_of
from smartagent.cli.exits import REFUSED, UNREACHABLE, Exit
from smartagent.cli.profile import Profile, Profiles
from smartagent.cli.render import say, show_fields, show_json

if TYPE_CHECKING:
    from smartagent.sdk import Answer, Exchange, Holder, Means, Operator

T = TypeVar("T")

GOOD = range(200, 300)
RAW = "application/octet-stream"


class _Problem(msgspec.Struct):
    title: str = ""
    detail: str = ""
    instance: str = ""


def answer_of(
    ctx: typer.Context,
    method: str,
    path: str,
    *,
    body: Mapping[str, object] | None = None,
    raw: bytes | None = None,
    query: Mapping[str, str] | None = None,
) -> dict[str, object]:
    """Ask the authority as the operator who is logged in, and return the object it answers with.

    Args:
        ctx: The command's context.
        method: Upper case.
        path: Percent-encoded: see `segment`.
        body: Sent as JSON.
        raw: Sent as it is, instead of `body`.
        query: Further parameters.

    Raises:
        Exit: The authority refused, or did not answer.
    """
    sent = (raw, RAW) if raw is not None else (_json(body), "application/json")
    answer = bytes_of(ctx, method, path, sent=sent, query=query)
    if not answer:
        return {}
    try:
        return msgspec.json.decode(answer, type=dict[str, object])
    except msgspec.MsgspecError:
        raise Exit(REFUSED, "The answer is not what an authority says; check the address.") from None


def bytes_of(
    ctx: typer.Context,
    method: str,
    path: str,
    *,
    sent: tuple[bytes, str] = (b"", ""),
    query: Mapping[str, str] | None = None,
) -> bytes:
    """Ask as `answer_of` does, and return the answer's bytes.

    Raises:
        Exit: The authority refused, or did not answer.
    """
    place = place_of(ctx)
    target = f"{path}?{urlencode(query)}" if query else path

    async def ask(operator: "Operator") -> "Answer":
        return await operator.send(method, target, *sent)

    answer = as_operator(place, ask)
    if answer.status not in GOOD:
        raise refusal(answer.status, answer.body)
    return answer.body


def as_operator(place: Place, ask: "Callable[[Operator], Awaitable[T]]") -> T:
    """Do something as the operator who is logged in.

    Raises:
        Exit: Nobody is, or it failed.
    """
    profiles = Profiles(place.config_home)
    profile = profiles.load(place.profile)

    async def run() -> T:
        from smartagent.sdk import Operator  # noqa: PLC0415 -- loads the client when it is needed

        holder = _holder(profiles, place.profile, profile)
        async with Operator(holder, means=means_for(profile.issuer, place.server)) as operator:
            return await ask(operator)

    return finished(run())


def finished(work: Awaitable[T]) -> T:
    """Run `work` to its end, and turn the client's errors into exits.

    Raises:
        Exit: It failed.
    """
    from smartagent.sdk import AuthorityRefused, AuthorityUnreachable  # noqa: PLC0415 -- as above

    async def run() -> T:
        return await work

    try:
        return asyncio.run(run())
    except AuthorityUnreachable as error:
        raise Exit(UNREACHABLE, f"The authority does not answer ({error}). Is the address right?") from None
    except AuthorityRefused as error:
        text = f"The authority refused ({error})."
        if error.request_id:
            text += f"\nRequest: {error.request_id}"
        raise Exit(REFUSED, text) from None


def means_for(issuer: str, server: str) -> "Means":
    """Return how to reach the authority: at its own URL, or at `server` when that is given."""
    from smartagent.sdk import Means, system_means  # noqa: PLC0415 -- as above

    means = system_means()
    if not server or server.rstrip("/") == issuer:
        return means
    return Means(Detour(means.exchange, issuer, server.rstrip("/")), means.clock, means.entropy)


class Detour:
    """Sends to another address what is meant for the authority's own.

    Proofs stay made out to the authority: whoever sits at that address cannot use them.
    """

    def __init__(self, exchange: "Exchange", issuer: str, server: str) -> None:
        self._exchange = exchange
        self._issuer = issuer
        self._server = server

    async def __call__(self, method: str, url: str, headers: Mapping[str, str], body: bytes, /) -> "Answer":
        """Send one request."""
        return await self._exchange(method, self._server + url.removeprefix(self._issuer), headers, body)

    async def close(self) -> None:
        """Let go of connections."""
        await self._exchange.close()


def refusal(status: int, body: bytes) -> Exit:
    """Return the exit that says why the authority said no."""
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except msgspec.MsgspecError:
        problem = _Problem()
    text = problem.title or f"The authority answered {status}."
    if problem.detail:
        text += f" ({problem.detail})"
    if problem.instance:
        text += f"\nRequest: {problem.instance}"
    return Exit(REFUSED, text)


def rows_of(answer: Mapping[str, object], member: str) -> list[dict[str, object]]:
    """Return the list that stands in `member`."""
    try:
        return msgspec.convert(answer.get(member, []), list[dict[str, object]])
    except msgspec.ValidationError:
        raise Exit(REFUSED, "The answer is not what an authority says; check the versions.") from None


def show_explanation(explanation: dict[str, object]) -> None:
    """Show why something is decided as it is, and which rule came closest."""
    nearest = explanation.pop("nearest", None)
    show_fields(explanation, as_json=False)
    if isinstance(nearest, dict):
        say(f"\nThe nearest rule is {nearest.get('rule')}:")
        for condition in rows_of(nearest, "conditions"):
            mark = "  holds" if condition.get("holds") else "  FAILS"
            wanted, got = condition.get("wanted"), condition.get("got")
            say(f"{mark}  {condition.get('name')}: wanted {wanted}, got {got}")


def segment(raw: str) -> str:
    """Return `raw` as one segment of a path."""
    return quote(raw, safe="")


def done(text: str, *, as_json: bool) -> None:
    """Say that something was done that has no answer of its own."""
    if as_json:
        show_json({"done": True})
    else:
        say(text)


def _json(body: Mapping[str, object] | None) -> bytes:
    return b"" if body is None else msgspec.json.encode(body)


def _holder(profiles: Profiles, name: str, profile: Profile) -> "Holder":
    from smartagent.crypto import SigningKey  # noqa: PLC0415 -- as above
    from smartagent.kernel import Secret  # noqa: PLC0415 -- as above
    from smartagent.sdk import Holder, load_key_file  # noqa: PLC0415 -- as above

    if not profile.in_keyring:
        return load_key_file(profiles.key_file(name))
    from smartagent.cli.ctl.keyring import kept_seed, system_ring  # noqa: PLC0415 -- an optional extra

    seed = kept_seed(system_ring(), profile.operator)
    return Holder(SigningKey.from_seed(Secret(seed)), profile.issuer, profile.operator)

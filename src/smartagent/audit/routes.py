# SPDX-License-Identifier: Apache-2.0
"""What the audit log answers: custody and trails, and the log itself as C2SP tlog-tiles names it."""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec

from smartagent.audit.custody import MOST_ENTRIES, Custody, CustodyReader, Trail
from smartagent.audit.errors import NotInLog
from smartagent.audit.exporting import export
from smartagent.audit.reader import LogReader
from smartagent.audit.searching import ActivityView, FoundPage, Searcher, Wanted
from smartagent.audit.tiles import WIDTH, TileKey
from smartagent.crypto import b64u
from smartagent.edge import Inbound, MalformedRequest, Outcome, Proof, Reply, Route, parse_form
from smartagent.kernel import Caller

_DEFAULT_ENTRIES: Final = 100
_MOST_EXPORTED: Final = 4096
_MOST_DIGITS: Final = 15
_TILE: Final = re.compile(r"((?:x[0-9]{3}/){0,4})([0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
_LEVEL: Final = re.compile(r"[0-9]|[1-5][0-9]|6[0-3]")
_FINISHED: Final = (("cache-control", "private, max-age=31536000, immutable"),)
_FRESH: Final = (("cache-control", "no-store"),)
_SEARCHED: Final = {"subject", "event", "decision", "since_ms", "until_ms", "reads", "cursor", "limit"}
_Act = Callable[[Caller, Inbound], Awaitable[Outcome]]
_encode: Final = msgspec.json.Encoder().encode


class ConsistencyProof(msgspec.Struct, frozen=True, rename={"old": "from", "new": "to"}):
    """That the log of `to` entries begins with the log of `from` entries; hashes are in base64url."""

    old: int
    new: int
    proof: list[str]


def routes(custody: CustodyReader, log: LogReader) -> tuple[Route, ...]:
    """Return the routes of custody, and of the log itself."""
    return (*_custody_routes(custody), *_log_routes(log))


def parse_tile_path(raw: str) -> tuple[int, int]:
    """Read a tile's path, `x001/x234/067` or `x001/x234/067.p/17`: its number and its width.

    Raises:
        NotInLog: It is not one, or not the one spelling of it.

    Spec: C2SP tlog-tiles, "Merkle Tree" section.
    """
    match = _TILE.fullmatch(raw)
    if match is None:
        raise NotInLog("no such tile")
    number = int(match[1].replace("x", "").replace("/", "") + match[2])
    width = int(match[3] or WIDTH)
    if width > WIDTH or tile_path(number, width) != raw:
        raise NotInLog("no such tile")
    return number, width


def tile_path(number: int, width: int = WIDTH) -> str:
    """Return the path of a tile: three digits a segment, all but the last marked with an x."""
    path = f"{number % 1000:03}"
    while number := number // 1000:
        path = f"x{number % 1000:03}/{path}"
    return path if width == WIDTH else f"{path}.p/{width}"


def _custody_routes(custody: CustodyReader) -> tuple[Route, ...]:
    async def show(caller: Caller, inbound: Inbound) -> Outcome:
        query = _query(inbound, {"cursor", "limit"})
        jti = inbound.params["jti"]
        found = await custody.custody(jti, caller, _number(query, "cursor", 0), _limit(query))
        return Outcome(_json(found), target=jti)

    async def list_trail(caller: Caller, inbound: Inbound) -> Outcome:
        query = _query(inbound, {"subject", "cursor", "limit"})
        subject = query.get("subject", "")
        if not subject:
            raise MalformedRequest("say whose records: subject=")
        found = await custody.trail(subject, caller, _number(query, "cursor", 0), _limit(query))
        return Outcome(_json(found), target=subject)

    return (
        Route(
            "GET",
            "/v1/audit/{jti}",
            Proof.ACCESS_TOKEN,
            "audit.read",
            "audit.read",
            show,
            "The chain of custody of a token, with receipts",
            reply_schema=Custody,
        ),
        Route(
            "GET",
            "/v1/audit",
            Proof.ACCESS_TOKEN,
            "audit.read",
            "audit.read",
            list_trail,
            "What the log holds about an agent, an operator, a session or a token",
            reply_schema=Trail,
        ),
    )


def _log_routes(log: LogReader) -> tuple[Route, ...]:
    async def checkpoint(_caller: Caller, inbound: Inbound) -> Outcome:
        _query(inbound, set())
        note = (await log.checkpoint()).note
        return Outcome(Reply(200, note.encode(), "text/plain; charset=utf-8", _FRESH))

    async def tile(_caller: Caller, inbound: Inbound) -> Outcome:
        if _LEVEL.fullmatch(inbound.params["level"]) is None:
            raise NotInLog("no such tile")
        number, width = parse_tile_path(inbound.params["path"])
        raw = await log.tile(TileKey(int(inbound.params["level"]), number), width)
        return Outcome(Reply(200, raw, "application/octet-stream", _FINISHED))

    async def entries(_caller: Caller, inbound: Inbound) -> Outcome:
        raw = await log.entries(*parse_tile_path(inbound.params["path"]))
        return Outcome(Reply(200, raw, "application/octet-stream", _FINISHED))

    async def proof(_caller: Caller, inbound: Inbound) -> Outcome:
        query = _query(inbound, {"from", "to"})
        old, new = _number(query, "from"), _number(query, "to")
        hashes = [b64u(node) for node in await log.consistency(old, new)]
        return Outcome(_json(ConsistencyProof(old, new, hashes)))

    async def lines(_caller: Caller, inbound: Inbound) -> Outcome:
        query = _query(inbound, {"from", "to"})
        begin = _number(query, "from", 0)
        end = min(_number(query, "to", begin + _MOST_EXPORTED), (await log.caught_up()).size)
        if end - begin > _MOST_EXPORTED:
            raise MalformedRequest(f"at most {_MOST_EXPORTED} entries at once")
        body = b"".join([line async for line in export(log, begin, end)])
        return Outcome(Reply(200, body, "application/jsonl", _FRESH))

    return (
        _log_route("/v1/log/checkpoint", checkpoint, "The newest signed checkpoint (C2SP tlog-checkpoint)"),
        _log_route("/v1/log/tile/{level}/{path}", tile, "A tile of the Merkle tree (C2SP tlog-tiles)"),
        _log_route("/v1/log/entries/{path}", entries, "A bundle of entries (C2SP tlog-tiles)"),
        _log_route("/v1/log/proof", proof, "The proof that one checkpoint's log continues another's"),
        _log_route("/v1/log/export", lines, "A range of the log as JSON lines that prove themselves"),
    )


def search_routes(searcher: Searcher) -> tuple[Route, ...]:
    """Return the routes of those who look for something in the log."""

    async def search(_caller: Caller, inbound: Inbound) -> Outcome:
        query = _query(inbound, _SEARCHED)
        wanted = Wanted(
            query.get("subject", ""),
            query.get("event", ""),
            _one_of(query, "decision", ("permit", "deny")),
            _number(query, "since_ms", 0),
            _number(query, "until_ms", 0),
            _one_of(query, "reads", ("true", "false")) != "false",
        )
        found = await searcher.search(wanted, _number(query, "cursor", 0), _limit(query))
        return Outcome(_json(found), target=wanted.subject)

    async def activity(_caller: Caller, inbound: Inbound) -> Outcome:
        _query(inbound, set())
        return Outcome(_json(await searcher.activity()))

    return (
        Route(
            "GET",
            "/v1/log/search",
            Proof.ACCESS_TOKEN,
            "log.search",
            "log.searched",
            search,
            "Entries of the log, the newest first: of a subject, an event, a decision, a time",
            reply_schema=FoundPage,
        ),
        Route(
            "GET",
            "/v1/log/activity",
            Proof.ACCESS_TOKEN,
            "log.search",
            "log.summed-up",
            activity,
            "What agents asked for in the last day, by the hour, and which asked most",
            reply_schema=ActivityView,
        ),
    )


def _one_of(query: Mapping[str, str], name: str, values: tuple[str, ...]) -> str:
    value = query.get(name, "")
    if value and value not in values:
        raise MalformedRequest(f"{name} is one of {', '.join(values)}")
    return value


def _log_route(path: str, act: _Act, summary: str) -> Route:
    schema = ConsistencyProof if path.endswith("proof") else None
    return Route("GET", path, Proof.ACCESS_TOKEN, "audit.log", "audit.log", act, summary, reply_schema=schema)


def _json(body: msgspec.Struct) -> Reply:
    return Reply(200, _encode(body), headers=_FRESH)


def _query(inbound: Inbound, known: set[str]) -> Mapping[str, str]:
    query = parse_form(inbound.query.encode("ascii", "replace"))
    unknown = query.keys() - known
    if unknown:
        raise MalformedRequest(f"unknown parameter; known: {', '.join(sorted(known)) or 'none'}")
    return query


def _number(query: Mapping[str, str], name: str, default: int | None = None) -> int:
    raw = query.get(name)
    if raw is None and default is not None:
        return default
    if raw is None or not raw.isascii() or not raw.isdigit() or len(raw) > _MOST_DIGITS:
        raise MalformedRequest(f"{name} must be a number")
    return int(raw)


def _limit(query: Mapping[str, str]) -> int:
    limit = _number(query, "limit", _DEFAULT_ENTRIES)
    if not 0 < limit <= MOST_ENTRIES:
        raise MalformedRequest(f"limit must be between 1 and {MOST_ENTRIES}")
    return limit

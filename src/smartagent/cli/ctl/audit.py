# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl audit`: what the log says, and whether it can be believed."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from smartagent.cli.ctl.desk import answer_of, bytes_of, rows_of, segment
from smartagent.cli.ctl.place import AsJson, place_of
from smartagent.cli.exits import REFUSED, Exit
from smartagent.cli.render import Json, say, show_fields, show_json, show_rows

if TYPE_CHECKING:
    from smartagent.cli.ctl.checking import Verdict

app = typer.Typer(help="What the log says, and whether it can be believed.", no_args_is_help=True)

Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="Write the document to a file, to be verified later.")
]
Vkey = Annotated[str, typer.Option(help="The log's public key; without it, the one kept at login.")]
_COLUMNS = ("index", "at", "event", "caller", "target", "decision", "outcome", "rule")


@app.command()
def show(ctx: typer.Context, jti: str, *, out: Out = None, as_json: AsJson = False) -> None:
    """Show the chain of custody of a token: where it came from, every use, and how it ended."""
    raw = bytes_of(ctx, "GET", f"/v1/audit/{segment(jti)}", query={"limit": "1000"})
    _present(raw, out, as_json=as_json)


@app.command("list")
def show_all(
    ctx: typer.Context,
    subject: Annotated[str, typer.Argument(help="An agent, operator, session or token id.")],
    *,
    limit: Annotated[int, typer.Option(help="How many at once, at most 1000.")] = 100,
    cursor: Annotated[int, typer.Option(help="Where to go on.")] = 0,
    as_json: AsJson = False,
) -> None:
    """List what the log holds about a subject."""
    query = {"subject": subject, "limit": str(limit), "cursor": str(cursor)}
    answer = answer_of(ctx, "GET", "/v1/audit", query=query)
    if as_json:
        show_json(answer)
        return
    show_rows(_lines(answer), _COLUMNS, as_json=False, empty="The log holds nothing about it.")
    if answer.get("next"):
        say(f"There is more: --cursor {answer['next']}")


@app.command()
def export(
    ctx: typer.Context,
    out: Annotated[Path, typer.Argument(help="The file to write.")],
    *,
    begin: Annotated[int, typer.Option("--from", help="The first entry.")] = 0,
) -> None:
    """Export the log from an entry to its newest checkpoint, as lines that prove themselves."""
    from smartagent.cli.ctl.checking import export_to  # noqa: PLC0415 -- loads the client

    written = export_to(place_of(ctx), out, begin)
    say(f"Wrote {written.entries} entries to {out}.")
    if written.break_glass:
        say(
            f"{written.break_glass} of them are of a BREAK-GLASS: what opened it, and all that was done under it."
        )


@app.command()
def verify(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A chain of custody or an export.")],
    *,
    vkey: Vkey = "",
    as_json: AsJson = False,
) -> None:
    """Check a document offline: every receipt, the checkpoint's signature, and that nothing is missing."""
    from smartagent.cli.ctl.checking import verify_file  # noqa: PLC0415 -- loads the client

    _tell(verify_file(place_of(ctx), file, vkey), as_json=as_json)


@app.command()
def checkpoint(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """Get the newest checkpoint, check that it continues the one seen before, and keep it."""
    from smartagent.cli.ctl.checking import follow  # noqa: PLC0415 -- loads the client

    show_fields(follow(place_of(ctx)), as_json=as_json)


def _present(raw: bytes, out: Path | None, *, as_json: bool) -> None:
    import msgspec  # noqa: PLC0415 -- `--help` does without

    if out is not None:
        try:
            out.write_bytes(raw)
        except OSError as error:
            raise Exit(REFUSED, f"{out} cannot be written: {error.strerror}.") from None
    document: dict[str, object] = msgspec.json.decode(raw, type=dict[str, object])
    if as_json:
        show_json(document)
        return
    for name in ("jti", "agent", "session"):
        say(f"{name:<8} {document.get(name, '-')}")
    show_rows(_lines(document), _COLUMNS, as_json=False, empty="There are no entries.")
    if document.get("next"):
        say("There is more: use --json with the API's cursor, or audit export.")
    if out is not None:
        say(f"Wrote {out}; check it offline: smartagentctl audit verify {out}")


def _lines(document: Json) -> list[dict[str, object]]:
    lines: list[dict[str, object]] = []
    for entry in rows_of(document, "entries"):
        record = entry.get("record")
        if isinstance(record, dict):
            at_ms = record.get("at_ms")
            at = at_ms // 1000 if isinstance(at_ms, int) else ""
            lines.append({"index": entry.get("index"), "at": at, **record})
    return lines


def _tell(verdict: "Verdict", *, as_json: bool) -> None:
    if as_json:
        show_json(verdict.fields())
    else:
        show_fields(verdict.fields(), as_json=False)
        say("It holds." if not verdict.gaps else "What is there holds; something is missing.")

# SPDX-License-Identifier: Apache-2.0
"""`smartagentctl signals`: who is told of revocations, and whether it reaches them."""

from typing import Annotated

import msgspec
import typer

from smartagent.cli.ctl.desk import answer_of, bytes_of, done
from smartagent.cli.ctl.place import AsJson
from smartagent.cli.exits import REFUSED, Exit
from smartagent.cli.render import show_fields, show_rows

app = typer.Typer(help="Who is told of revocations.", no_args_is_help=True)

Stream = Annotated[str, typer.Argument(help="The stream's id.")]
Reason = Annotated[str, typer.Option(help="Why; the receiver can see it.")]
_COLUMNS = ("id", "receiver", "method", "endpoint", "events")
_STREAMS = "/v1/ssf/streams"
_STATUS = "/v1/ssf/status"


class _Delivery(msgspec.Struct):
    method: str
    endpoint_url: str


class _Stream(msgspec.Struct):
    stream_id: str
    aud: str
    delivery: _Delivery
    events_delivered: list[str]
    description: str


@app.command()
def streams(ctx: typer.Context, *, as_json: AsJson = False) -> None:
    """List the streams of security events, and who receives them."""
    raw = bytes_of(ctx, "GET", _STREAMS)
    try:
        found = msgspec.json.decode(raw, type=list[_Stream])
    except msgspec.MsgspecError:
        raise Exit(REFUSED, "The answer is not what an authority says; check the versions.") from None
    show_rows([_row(stream) for stream in found], _COLUMNS, as_json=as_json, empty="There are no streams.")


@app.command()
def show(ctx: typer.Context, stream: Stream, *, as_json: AsJson = False) -> None:
    """Show whether a stream's events flow, and why not."""
    show_fields(answer_of(ctx, "GET", _STATUS, query={"stream_id": stream}), as_json=as_json)


@app.command()
def pause(ctx: typer.Context, stream: Stream, *, reason: Reason = "by hand", as_json: AsJson = False) -> None:
    """Keep a stream's events for later."""
    _set(ctx, stream, "paused", reason, as_json=as_json)


@app.command()
def resume(
    ctx: typer.Context, stream: Stream, *, reason: Reason = "by hand", as_json: AsJson = False
) -> None:
    """Let a stream's events flow again."""
    _set(ctx, stream, "enabled", reason, as_json=as_json)


@app.command()
def disable(
    ctx: typer.Context, stream: Stream, *, reason: Reason = "by hand", as_json: AsJson = False
) -> None:
    """Have no events for a stream, and drop those that wait."""
    _set(ctx, stream, "disabled", reason, as_json=as_json)


@app.command()
def verify(ctx: typer.Context, stream: Stream, *, as_json: AsJson = False) -> None:
    """Send an event over a stream that only says that events arrive."""
    answer_of(ctx, "POST", "/v1/ssf/verify", body={"stream_id": stream})
    done(f"A verification is on its way over {stream}.", as_json=as_json)


@app.command()
def drop(ctx: typer.Context, stream: Stream, *, as_json: AsJson = False) -> None:
    """Delete a stream, and what waits for its receiver."""
    answer_of(ctx, "DELETE", _STREAMS, query={"stream_id": stream})
    done(f"Deleted the stream {stream}.", as_json=as_json)


def _set(ctx: typer.Context, stream: str, status: str, reason: str, *, as_json: bool) -> None:
    body = {"stream_id": stream, "status": status, "reason": reason}
    show_fields(answer_of(ctx, "POST", _STATUS, body=body), as_json=as_json)


def _row(stream: _Stream) -> dict[str, object]:
    return {
        "id": stream.stream_id,
        "receiver": stream.aud,
        "method": "push" if stream.delivery.method.endswith(":8935") else "poll",
        "endpoint": stream.delivery.endpoint_url,
        "events": " ".join(event.rpartition("/")[2] for event in stream.events_delivered),
        "description": stream.description,
    }

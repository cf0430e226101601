# SPDX-License-Identifier: Apache-2.0
"""The migration of what can be replaced: a script and a role file.

Nothing is taken out of a file before the vault has it: the script first puts the keys into the vault, by pipes from
the files that have them, and edits the files last.  It knows keys by their offsets only, and has no copy of a file,
whose other secrets would be in it.
"""

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from smartagent.cli.exits import REFUSED, USAGE, Exit
from smartagent.cli.scan.editing import by_file, checksum, edited, original
from smartagent.cli.scan.model import PLACEHOLDER, Finding
from smartagent.cli.scan.planning import Move, Plan
from smartagent.cli.scan.reading import shown

_HEAD: Final = """\
#!/bin/sh
# Made by `smartagent scan`. Moves keys into the vault, describes their upstreams and a role, and then puts
# placeholders into the files. It may be run again after a failure.
set -eu
umask 077
here={here}
cd {base}

unchanged() {{
    case "$(cksum < "$1")" in
    "$2" | "$3") ;;
    *) echo "$1 was changed since the scan; scan again." >&2; exit 1 ;;
    esac
}}
replace() {{
    [ "$(cksum < "$here/edited")" = "$2" ] || {{ echo "$1 could not be edited." >&2; exit 1; }}
    cat "$here/edited" > "$1"
}}
absent() {{
    if smartagentctl "$1" show "$2" > /dev/null 2>&1; then
        echo "There is a $1 called $2 already; look at it, and adapt this script." >&2
        exit 1
    fi
}}

trap 'rm -f "$here/edited"' EXIT
smartagentctl whoami > /dev/null
"""
_DONE: Final = """
echo "Done. End the old keys at their providers and put new ones into the vault: these lay in files."
"""
_ROLE: Final = """\
# Made by `smartagent scan`. Narrow the methods and the paths to what the agent does.
name = "{role}"
ttl = "15m"
"""
_ALLOW: Final = """
[[allow]]
scope = "{upstream}.call"
upstream = "{upstream}"
methods = ["GET", "POST"]
paths = ["/**"]
"""


def write_migration(folder: Path, base: Path, plan: Plan) -> None:
    """Write the migration into `folder`, for its owner only.

    Args:
        folder: Must not exist yet.
        base: What the names of the findings begin at.
        plan: What is to be done.

    Raises:
        Exit: There is something already, it cannot be written, or a file was changed meanwhile.
    """
    if not plan.moves:
        raise Exit(REFUSED, "Nothing of it can be moved by a script; the advice above says what to do.")
    files = {name: original(base, name, places) for name, places in by_file(plan).items()}
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise Exit(USAGE, f"{folder} is there already; name another folder.") from None
    try:
        _write(folder / "role.toml", role_file(plan).encode(), 0o600)
        _write(
            folder / "migrate.sh", _script(folder, base, plan, files).encode(errors="surrogateescape"), 0o700
        )
    except OSError as error:
        raise Exit(REFUSED, f"cannot write {folder}: {error.strerror}") from None


def role_file(plan: Plan) -> str:
    """Return the role that may use what was moved."""
    allowed = (_ALLOW.format(upstream=move.binding.upstream) for move in plan.moves)
    return _ROLE.format(role=plan.role) + "".join(allowed)


def _script(folder: Path, base: Path, plan: Plan, files: dict[str, bytes]) -> str:
    lines = [_HEAD.format(here=_quoted(folder.absolute()), base=_quoted(base.absolute()))]
    for name, places in by_file(plan).items():
        before, after = checksum(files[name]), checksum(edited(files[name], places))
        lines.append(f"unchanged {shlex.quote(name)} '{before}' '{after}'")
    for move in plan.moves:
        lines += _moved(move)
    lines += [*_once("role", plan.role, 'smartagentctl role put "$here/role.toml"'), ""]
    for name, places in by_file(plan).items():
        lines += _edit(name, places, checksum(edited(files[name], places)))
    return "\n".join(lines) + _DONE


def _moved(move: Move) -> Iterator[str]:
    """Yield the lines for one key; of several places that have it the first is read."""
    first, binding = move.places[0], move.binding
    read = f"tail -c +{first.start + 1} < {shlex.quote(first.name)} | head -c {first.end - first.start}"
    put = f"smartagentctl upstream put {binding.upstream} {binding.base_url}"
    yield ""
    yield f"# {first.kind.title}, in {len(move.places)} places"
    yield from _once("secret", move.secret, f"{read} | smartagentctl secret put {move.secret} --cas 0")
    yield from _once("upstream", binding.upstream, f"{put} --secret {move.secret} --place {binding.place}")


def _edit(name: str, places: Sequence[Finding], after: str) -> Iterator[str]:
    """Yield the lines that put placeholders into one file, unless it has them."""
    file, at = shlex.quote(name), 0
    yield f"if [ \"$(cksum < {file})\" != '{after}' ]; then"
    yield "    {"
    for each in places:
        yield f"        tail -c +{at + 1} < {file} | head -c {each.start - at}"
        yield f"        printf %s {PLACEHOLDER}"
        at = each.end
    yield f"        tail -c +{at + 1} < {file}"
    yield '    } > "$here/edited"'
    yield f"    replace {file} '{after}'"
    yield "fi"


def _once(noun: str, name: str, command: str) -> Iterator[str]:
    """Yield the lines that make something which is not there yet, and that do nothing the next time."""
    yield f'if ! [ -e "$here/{noun}-{name}.done" ]; then'
    yield f"    absent {noun} {name}"
    yield f"    {command}"
    yield f'    : > "$here/{noun}-{name}.done"'
    yield "fi"


def _quoted(path: Path) -> str:
    return shlex.quote(str(path))


def _write(path: Path, raw: bytes, mode: int) -> None:
    path.touch(mode=mode, exist_ok=False)
    path.write_bytes(raw)


def told(folder: Path) -> str:
    """Return what to do with what was written."""
    return f"Wrote {shown(str(folder))}. Read migrate.sh in it, and run it."

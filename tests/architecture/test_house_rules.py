# SPDX-License-Identifier: Apache-2.0
"""House rules that no linter knows.  Each test names the rule in its docstring."""

import ast
import re

import pytest

from tests.architecture.tree import FILES, ROOMS, ROOT, SRC, committed, name_of

JUNK_DRAWERS = {
    "utils", "util", "helpers", "helper", "common", "misc", "base", "core", "manager", "types", "constants", "shared",
}  # fmt: skip
MAX_MODULE_LINES = 400
MAX_FUNCTION_LINES = 50
PYTHON = [path for path in committed() if path.suffix == ".py"]
COMMENTED = {
    ".py",
    ".go",
    ".mjs",
    ".js",
    ".ts",
    ".toml",
    ".sh",
    ".cedar",
    ".cedarschema",
    ".mako",
    ".ini",
    ".css",
}
NAMED = {"Makefile", "run", ".gitignore", ".npmrc"}
SOURCES = [path for path in committed() if path.suffix in COMMENTED or path.name in NAMED]


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_file_says_its_licence_first(path):
    """`SPDX-License-Identifier: Apache-2.0` on the first line, or on the second below `#!`."""
    head = path.read_text(encoding="utf-8").splitlines()[:2]
    first = head[1] if head and head[0].startswith("#!") else (head or [""])[0]
    assert "SPDX-License-Identifier: Apache-2.0" in first


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_no_junk_drawers_and_no_giants(path):
    """A module is named for what it holds; it fits on a few screens; so do its functions."""
    assert not JUNK_DRAWERS & {path.stem, *path.relative_to(SRC).parts}
    assert lines_of(path) <= MAX_MODULE_LINES
    for node in functions_of(path):
        assert node.end_lineno - node.lineno < MAX_FUNCTION_LINES, node.name


@pytest.mark.parametrize("path", sorted(set(PYTHON) - set(FILES)), ids=name_of)
def test_tests_and_scripts_are_no_giants_either(path):
    """What checks the house is read as often as the house."""
    assert not JUNK_DRAWERS & {path.stem, *path.relative_to(ROOT).parts}
    assert lines_of(path) <= MAX_MODULE_LINES
    for node in functions_of(path):
        assert node.end_lineno - node.lineno < MAX_FUNCTION_LINES, node.name


LAZY = {
    "audit": "the writer process runs the sequencer, and stays small without the routes' libraries",
    "drivers": "a node speaks to few outside systems, and their libraries are heavy",
    "server": "the parent supervises, and stays small without what the workers load",
    "storage": "the writer process has no use for SQLAlchemy, nor a node on SQLite for asyncpg",
}
"""Rooms whose face loads a name when it is first used; each with its reason."""


@pytest.mark.parametrize("room", sorted(set(ROOMS) - set(LAZY)))
def test_a_face_is_a_docstring_imports_and_all(room):
    """`__init__.py` says what the room is for and what it shows; it computes nothing."""
    opening, *imports, last = face(room)
    assert isinstance(opening, ast.Expr)
    assert all(isinstance(node, ast.ImportFrom) for node in imports)
    assert names_in(imports) == listed(last)


@pytest.mark.parametrize("room", sorted(LAZY))
def test_a_lazy_face_shows_what_it_says_it_shows(room):
    """The imports for the type checker, `__all__` and the table of homes are three lists of the same names."""
    body = face(room)
    (typed,) = [node for node in body if isinstance(node, ast.If)]
    assert ast.unparse(typed.test) == "TYPE_CHECKING"
    (shown,) = [node for node in body if isinstance(node, ast.Assign)]
    tables = [node for node in body if isinstance(node, ast.AnnAssign)]
    (lookup,) = [node for node in body if isinstance(node, ast.FunctionDef)]
    homes = ast.literal_eval(tables[0].value)
    by_module = {node.module.rpartition(".")[2]: sorted(names_in([node])) for node in typed.body}
    assert names_in(typed.body) == listed(shown)
    assert by_module == {module: sorted(names) for module, names in homes.items()}
    assert lookup.name == "__getattr__"


def face(room):
    return ast.parse((SRC / room / "__init__.py").read_text(encoding="utf-8")).body


def names_in(imports):
    return sorted(alias.asname or alias.name for node in imports for alias in node.names)


def listed(node):
    assert ast.unparse(node.targets[0] if isinstance(node, ast.Assign) else node.target) == "__all__"
    return sorted(ast.literal_eval(node.value))


SUPPRESSIONS = {
    "noqa": re.compile(r"# noqa: [A-Z]+\d+(, ?[A-Z]+\d+)* -- \S.+"),
    "type: ignore": re.compile(r"# type: ignore\[[a-z-]+(, ?[a-z-]+)*\]  # \S.+"),
    "pragma: no cover": re.compile(r"# pragma: no cover -- \S.+"),
    "fmt: off": re.compile(r"$^"),
    "ruff: noqa": re.compile(r"$^"),
    "mypy:": re.compile(r"$^"),
}


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_every_suppression_gives_a_code_and_a_reason(path):
    """`# noqa: X -- why`, `# type: ignore[x]  # why`, `# pragma: no cover -- why`; none for a whole file."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for mark, form in SUPPRESSIONS.items():
            if re.search(rf"(?<![`\"\w])# {mark}(?![\w`\"])", line):
                assert form.search(line), f"line {number}: {line.strip()}"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_any_is_never_spelled_out(path):
    """What comes from outside is `object` until it was parsed."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module == "typing":
            assert "Any" not in {alias.name for alias in node.names}


TESTS = [path for path in PYTHON if path.is_relative_to(ROOT / "tests")]
PATCHES = {"mock.patch", "patch", "monkeypatch.setattr"}
SLEEPS = {"time.sleep", "asyncio.sleep"}


@pytest.mark.parametrize("path", [p for p in TESTS if p.name.startswith("test_")], ids=name_of)
def test_tests_are_sentences(path):
    """A name of at least three words says what holds."""
    for node in functions_of(path):
        if node.name.startswith("test_"):
            assert node.name.count("_") >= 3, node.name


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_nothing_is_patched(path):
    """What varies is an argument; a fake has a memory."""
    for node, _ in calls_in(path):
        assert ast.unparse(node.func) not in PATCHES, f"line {node.lineno}"


@pytest.mark.parametrize("path", TESTS, ids=name_of)
def test_no_test_sleeps_and_hopes(path):
    """Where real processes run, a wait asks again and again for what it waits for; a crash test picks a moment."""
    folder = path.relative_to(ROOT / "tests").parts[0]
    for node, in_loop in calls_in(path):
        called = ast.unparse(node.func)
        if called == "asyncio.sleep" and node.args and ast.unparse(node.args[0]) == "0":
            continue
        if called in SLEEPS:
            allowed = folder == "crash" or (in_loop and folder not in {"unit", "architecture"})
            assert allowed, f"line {node.lineno}"


def calls_in(path):
    """Every call, and whether it stands in a loop."""
    pending = [(ast.parse(path.read_text(encoding="utf-8")), False)]
    while pending:
        node, in_loop = pending.pop()
        if isinstance(node, ast.Call):
            yield node, in_loop
        in_loop = in_loop or isinstance(node, ast.While | ast.For | ast.AsyncFor)
        pending += [(child, in_loop) for child in ast.iter_child_nodes(node)]


# Each pattern is written so that it does not match itself.
LEAKS = {
    "a path of somebody's machine": re.compile(r"(?<![\w.$}/-])/(?:work|home/\w+|Users/\w+|root)/[\w.]"),
    "a registry's or mirror's address": re.compile(
        r"https?://[^\s\"'<>)]*(?:pypi|pythonhosted|npmjs|artifactory|nexus|goproxy|proxy\.golang|simple/)[^\s]*",
        re.IGNORECASE,
    ),
    "an index setting": re.compile(
        r"--(?:extra-)?index-url[ =]\S+://|(?:PIP|UV)_(?:EXTRA_)?INDEX_URL *[:?]?= *\S+://"
    ),
    "where a lock file's package came from": re.compile(r"\"resolved\": *\""),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----\n[A-Za-z0-9+/]{40}"),
}
ALLOWED = {
    # A refused example, or a link that a reader needs; each with why.
    "tests/architecture/test_house_rules.py": "holds the patterns",
}


@pytest.mark.parametrize("path", committed(), ids=name_of)
def test_no_file_names_a_machine_or_a_registry(path):
    """What is committed works anywhere, and tells nothing of where it was written."""
    if name_of(path) in ALLOWED:
        return
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    for what, pattern in LEAKS.items():
        found = pattern.search(text)
        assert found is None, f"{what}: {found.group()!r}"


def test_lock_files_that_name_registries_are_not_committed():
    """The hashed requirement files are the lock."""
    assert not {path.name for path in committed()} & {"uv.lock", "pylock.toml", "poetry.lock", "Pipfile.lock"}


@pytest.mark.parametrize("path", sorted((ROOT / "requirements").glob("*.txt")), ids=name_of)
def test_every_requirement_is_pinned_by_hash(path):
    pins = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"(?m)^\s*#.*\n", "", path.read_text(encoding="utf-8")))
    assert pins
    for pin in pins:
        assert re.match(r"[A-Za-z0-9._-]+==\S+", pin), pin[:80]
        assert "--hash=sha256:" in pin, pin[:80]


def lines_of(path):
    return path.read_text(encoding="utf-8").count("\n")


def functions_of(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node

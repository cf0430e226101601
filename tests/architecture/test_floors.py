# SPDX-License-Identifier: Apache-2.0
"""What import-linter cannot say: that its contracts name every room, and how verb-named modules stand."""

import re
import tomllib

import pytest

from tests.architecture.tree import ROOMS, ROOT, SRC, room_of

CONTRACTS = {
    contract["id"]: contract
    for contract in tomllib.loads((ROOT / "importlinter.toml").read_text())["tool"]["importlinter"][
        "contracts"
    ]
}
FLOORS = [
    {"cli"}, {"server"}, {"console", "mcp"}, {"gateway", "vaultapi", "rotation", "emergency", "insight", "authzen", "fleet", "governance"}, {"payments"},
    {"leases", "sessionkeys"}, {"vault", "accounts", "approvals"}, {"decoupled"}, {"consent", "delegation"}, {"oauth", "signals"}, {"tokens"},
    {"identity", "policy", "clients", "trust"}, {"notices"}, {"audit", "federation", "drivers", "keyset"},
    {"edge", "storage", "sdk"}, {"crypto"}, {"kernel"},
]  # fmt: skip
WITHOUT_GRAMMAR = {"cli", "server", "console", "mcp", "edge", "storage", "crypto", "sdk", "kernel"}
GRAMMAR = ["routes", "jobs", "service", "backends", "store", "ports", "rules", "events", "model", "errors"]
DOORS = {"routes", "jobs"}
BELOW_VERBS = {"store", "ports", "rules", "events", "model", "errors"}
SPEAKS_SQL = {"sqlalchemy", "sqlite3", "asyncpg", "alembic"}
# To databases that are not ours: docs/adr/0016.
SPEAKS_TO_OTHERS = {"asyncpg"}


def layers():
    return [{room.strip() for room in layer.split("|")} for layer in CONTRACTS["floors"]["layers"]]


def test_the_floors_stand_as_they_were_drawn():
    """A contract is extended as rooms come; it is never loosened."""
    assert [{room.strip("()") for room in layer} for layer in layers()] == FLOORS
    assert CONTRACTS["floors"]["exhaustive"]
    for contract in CONTRACTS.values():
        assert "ignore_imports" not in contract


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_that_stands_is_on_a_floor_without_brackets(room):
    assert any(room in layer for layer in layers())


@pytest.mark.parametrize("room", sorted(set(ROOMS) - WITHOUT_GRAMMAR))
def test_a_room_follows_the_grammar(room):
    assert f"smartagent.{room}" in CONTRACTS["grammar"]["containers"]


@pytest.mark.parametrize("room", sorted(set(ROOMS) - WITHOUT_GRAMMAR))
def test_verbs_stand_between_the_doors_and_the_store(graph, room):
    """A verb-named module is a piece of the service: nothing below imports it, and it imports no door."""
    for module in graph.find_descendants(f"smartagent.{room}"):
        word = module.split(".")[2]
        for imported in graph.find_modules_directly_imported_by(module):
            if room_of(imported) != room or imported.count(".") < 2:
                continue
            target = imported.split(".")[2]
            if target == word:
                continue
            if word in BELOW_VERBS:
                pure = target in BELOW_VERBS or not reaches_store(graph, imported)
                assert pure, f"{module} imports the verb {imported}"
            if word not in DOORS:
                assert target not in DOORS, f"{module} imports the door {imported}"


def reaches_store(graph, module):
    """A module beside the grammar's words may be a verb, or a part of the rules: a verb knows the store."""
    room = module.rsplit(".", module.count(".") - 1)[0]
    store = f"{room}.store"
    return store in graph.modules and graph.chain_exists(importer=module, imported=store)


def test_only_stores_and_storage_speak_sql(graph):
    for library in SPEAKS_SQL & graph.modules:
        for importer in graph.find_modules_that_directly_import(library):
            speaks = room_of(importer) == "storage" or importer.endswith(".store")
            speaks |= room_of(importer) == "drivers" and library in SPEAKS_TO_OTHERS
            assert speaks, f"{importer} imports {library}"


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_are_entered_by_the_front_door(graph, room):
    """Another room imports `smartagent.<room>`, never `smartagent.<room>.<inner>`; only the composition root may."""
    intruders = {
        (importer, module)
        for module in graph.find_descendants(f"smartagent.{room}")
        for importer in graph.find_modules_that_directly_import(module)
        if room_of(importer) not in {room, "server"}
    }
    assert not intruders


@pytest.mark.parametrize("room", ROOMS)
def test_insiders_do_not_use_their_own_front_door(graph, room):
    """Inside a room, import the module, not the face: the face exists for other rooms."""
    face = f"smartagent.{room}"
    assert not {m for m in graph.find_modules_that_directly_import(face) if room_of(m) == room}


@pytest.mark.parametrize("room", sorted(set(ROOMS) - {"cli"}))
def test_the_map_shows_every_room(room):
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    assert re.search(rf"`{room}`", text)


def test_nothing_in_the_package_is_left_without_a_face():
    for folder in SRC.iterdir():
        if folder.is_dir() and folder.name != "__pycache__":
            assert (folder / "__init__.py").exists(), folder.name

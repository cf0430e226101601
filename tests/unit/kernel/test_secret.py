# SPDX-License-Identifier: Apache-2.0
"""A secret cannot be printed, formatted, compared by accident or pickled."""

import json
import pickle

import msgspec
import pytest

from smartagent.kernel import Secret

CANARY = "planted-9f2c"


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{:>30}".format, "%s".__mod__, lambda s: f"{s!r}"])
def test_no_way_of_printing_shows_it(show):
    assert CANARY not in show(Secret(CANARY))


def test_it_is_not_serialisable():
    with pytest.raises(TypeError, match=r"^a Secret is not serialisable; seal it first$"):
        pickle.dumps(Secret(CANARY))
    with pytest.raises(TypeError):
        json.dumps(Secret(CANARY))
    with pytest.raises(TypeError):
        msgspec.json.encode(Secret(CANARY))


def test_it_has_no_dictionary_to_look_into():
    assert not hasattr(Secret(CANARY), "__dict__")


def test_reveal_gives_it_up():
    assert Secret(CANARY).reveal() == CANARY
    assert Secret(b"raw").reveal() == b"raw"

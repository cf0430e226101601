# SPDX-License-Identifier: Apache-2.0
"""The root key is made once, never replaced by accident, and opens only for what may open it."""

import stat
from pathlib import Path

import msgspec
import pytest
from msgspec import structs

from smartagent.kernel import Secret
from smartagent.server.errors import SetUpBroken
from smartagent.server.rootkey import (
    drop_root_key,
    keep_root_key,
    make_root_key,
    read_root_key,
    read_wrapped,
    root_key_exists,
    wrapped_path,
)
from smartagent.server.settings import Settings, derived

KEY = b"k" * 32


@pytest.fixture
def settings(tmp_path):
    return derived(Settings(data_dir=str(tmp_path / "data")))


@pytest.fixture
def passphrase(tmp_path):
    return passphrase_in(tmp_path / "passphrase", "correct horse battery staple")


def passphrase_in(path, text):
    path.write_text(text + "\n")
    path.chmod(0o600)
    return f"passphrase:{path}"


def zeros(size):
    return bytes(size)


def mode_of(path):
    return stat.S_IMODE(Path(path).stat().st_mode)


def wrapped_settings(settings, by):
    settings.data_path.mkdir(mode=0o700, exist_ok=True)
    return structs.replace(settings, root_key=by)


def test_the_root_key_is_made_once_and_is_private(settings):
    settings.data_path.mkdir(mode=0o700)

    assert make_root_key(settings, lambda size: b"k" * size)
    assert not make_root_key(settings, zeros)

    assert read_root_key(settings).reveal() == b"k" * 32
    assert mode_of(settings.root_key) == 0o600


def test_a_lost_root_key_is_not_replaced_by_a_fresh_one(settings):
    settings.data_path.mkdir(mode=0o700)
    (settings.data_path / "smartagent.db").touch()

    with pytest.raises(SetUpBroken, match="restore"):
        make_root_key(settings, zeros)
    assert not Path(settings.root_key).exists()


@pytest.mark.parametrize("text", ["", "xyz", "00" * 31, "00" * 33])
def test_a_malformed_root_key_is_refused_and_not_repeated(settings, text):
    settings.data_path.mkdir(mode=0o700)
    path = settings.data_path / "root.key"
    path.write_text(text, encoding="ascii")
    path.chmod(0o600)

    with pytest.raises(SetUpBroken, match="is not a root key") as refused:
        read_root_key(settings)
    assert not text or text not in str(refused.value)


def test_a_root_key_that_others_can_read_is_refused(settings):
    settings.data_path.mkdir(mode=0o700)
    make_root_key(settings, zeros)
    Path(settings.root_key).chmod(0o640)

    with pytest.raises(SetUpBroken, match="chmod 600"):
        read_root_key(settings)


def test_a_passphrase_wraps_the_key_and_nothing_of_either_is_in_the_file(settings, passphrase):
    chosen = wrapped_settings(settings, passphrase)

    assert not root_key_exists(chosen)
    assert make_root_key(chosen, lambda size: b"k" * size)
    assert not make_root_key(chosen, zeros)

    assert read_root_key(chosen).reveal() == KEY
    kept = wrapped_path(chosen).read_bytes()
    assert KEY not in kept
    assert KEY.hex().encode() not in kept
    assert b"horse" not in kept
    assert mode_of(wrapped_path(chosen)) == 0o600


def test_another_passphrase_opens_nothing(settings, passphrase, tmp_path):
    chosen = wrapped_settings(settings, passphrase)
    make_root_key(chosen, zeros)
    passphrase_in(tmp_path / "passphrase", "correct horse battery stable")

    with pytest.raises(SetUpBroken, match="does not say the passphrase"):
        read_root_key(chosen)


@pytest.mark.parametrize("text", ["", "short", "x" * 5000])
def test_a_passphrase_that_is_too_short_or_too_long_is_refused(settings, tmp_path, text):
    chosen = wrapped_settings(settings, passphrase_in(tmp_path / "other", text))
    with pytest.raises(SetUpBroken, match="must have 12 to 4096"):
        make_root_key(chosen, zeros)


def test_a_passphrase_that_others_can_read_or_that_is_not_there_is_refused(settings, passphrase, tmp_path):
    chosen = wrapped_settings(settings, passphrase)
    make_root_key(chosen, zeros)
    (tmp_path / "passphrase").chmod(0o644)
    with pytest.raises(SetUpBroken, match="chmod 600"):
        read_root_key(chosen)
    (tmp_path / "passphrase").unlink()
    with pytest.raises(SetUpBroken, match="No such file"):
        read_root_key(chosen)


def test_the_key_moves_from_its_file_to_a_passphrase_and_on_to_another(settings, passphrase, tmp_path):
    settings.data_path.mkdir(mode=0o700)
    make_root_key(settings, lambda size: b"k" * size)
    second = passphrase_in(tmp_path / "second", "another long passphrase")

    keep_root_key(settings, read_root_key(settings), passphrase)
    by_first = structs.replace(settings, root_key=passphrase)
    keep_root_key(by_first, read_root_key(by_first), second)
    by_second = structs.replace(settings, root_key=second)
    drop_root_key(by_second, passphrase)

    assert read_root_key(by_second).reveal() == KEY
    assert [each.by for each in read_wrapped(settings)] == [second]
    with pytest.raises(SetUpBroken, match="has no root key wrapped by"):
        read_root_key(by_first)


def test_what_is_in_use_or_unknown_is_not_dropped_and_nothing_is_wrapped_twice(settings, passphrase):
    chosen = wrapped_settings(settings, passphrase)
    make_root_key(chosen, zeros)
    with pytest.raises(SetUpBroken, match="set it to another"):
        drop_root_key(chosen, passphrase)
    with pytest.raises(SetUpBroken, match="does not wrap"):
        drop_root_key(chosen, "passphrase:/other")
    with pytest.raises(SetUpBroken, match="already"):
        keep_root_key(chosen, Secret(KEY), passphrase)


def test_a_wrapped_key_that_is_lost_is_not_replaced(settings, passphrase):
    chosen = wrapped_settings(settings, passphrase)
    (settings.data_path / "smartagent.db").touch()
    with pytest.raises(SetUpBroken, match="restore"):
        make_root_key(chosen, zeros)


def test_a_damaged_file_says_so(settings, passphrase):
    chosen = wrapped_settings(settings, passphrase)
    wrapped_path(chosen).write_text("{}")
    with pytest.raises(SetUpBroken, match="damaged"):
        read_root_key(chosen)


@pytest.mark.parametrize(
    "uri",
    [
        "nothing:/x",
        "awskms:///",
        "awskms:///alias/x",
        "awskms:///alias/x?region=eu&unknown=1",
        "gcpkms://projects/p",
        "hashivault://transit",
        "pkcs11:token=t;object=o?module-path=/m",
        "pkcs11:token=t;object=o?module-path=/m&pin-source=/nowhere/pin",
        "pkcs11:token=t;object=o?module-path=/m&pin-value=1234",
    ],
)
def test_a_uri_that_names_no_service_is_refused_and_leaves_nothing(settings, uri):
    chosen = wrapped_settings(settings, uri)
    with pytest.raises(SetUpBroken) as refused:
        make_root_key(chosen, zeros)
    assert "1234" not in str(refused.value).removeprefix(uri)
    assert not wrapped_path(chosen).exists()


def test_a_key_of_another_length_is_no_root_key(settings, passphrase):
    chosen = wrapped_settings(settings, passphrase)
    with pytest.raises(SetUpBroken, match="not a root key"):
        keep_root_key(chosen, Secret(b"short"), passphrase)
    assert not wrapped_path(chosen).exists()


def test_the_wrapped_form_is_json_that_a_person_can_read(settings, passphrase):
    chosen = wrapped_settings(settings, passphrase)
    make_root_key(chosen, zeros)
    assert msgspec.json.decode(wrapped_path(chosen).read_bytes())["wrapped"][0]["by"] == passphrase

# SPDX-License-Identifier: Apache-2.0
"""What a login leaves behind."""

import stat

import pytest

from smartagent.cli.ctl.keyring import keep_seed, kept_seed
from smartagent.cli.exits import REFUSED, USAGE, Exit
from smartagent.cli.profile import Profile, Profiles, write_private

PROFILE = Profile("https://a.example", "opr_1", "Ada", "log+1+x")


class Ring:
    def __init__(self, *, locked=False):
        self.kept = {}
        self.locked = locked

    def get_password(self, service_name, username):
        if self.locked:
            raise RuntimeError("locked s3cret")
        return self.kept.get((service_name, username))

    def set_password(self, service_name, username, password):
        if self.locked:
            raise RuntimeError("locked s3cret")
        self.kept[service_name, username] = password


def test_a_login_is_kept_for_its_owner_only(tmp_path):
    profiles = Profiles(tmp_path)
    assert not profiles.exists("default")

    profiles.save("default", PROFILE)

    assert profiles.exists("default")
    assert profiles.load("default") == PROFILE
    directory = tmp_path / "smartagent" / "default"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "profile.json").stat().st_mode) == 0o600


def test_without_a_login_the_way_to_one_is_named(tmp_path):
    with pytest.raises(Exit, match="smartagentctl login LINK") as ended:
        Profiles(tmp_path).load("default")

    assert ended.value.code == USAGE


def test_a_damaged_login_is_not_a_traceback(tmp_path):
    profiles = Profiles(tmp_path)
    write_private(tmp_path / "smartagent" / "default" / "profile.json", b"{")

    with pytest.raises(Exit, match="log in again"):
        profiles.load("default")


@pytest.mark.parametrize("name", ["", "..", ".hidden", "a/b"])
def test_a_login_cannot_be_named_out_of_its_directory(tmp_path, name):
    with pytest.raises(Exit, match="no name for a login"):
        Profiles(tmp_path).load(name)


def test_a_file_that_was_left_by_a_crash_does_not_stop_the_next_write(tmp_path):
    (tmp_path / "x.new").write_bytes(b"half")

    write_private(tmp_path / "x", b"whole")

    assert (tmp_path / "x").read_bytes() == b"whole"
    assert not (tmp_path / "x.new").exists()


def test_what_cannot_be_written_is_said_plainly(tmp_path):
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(Exit, match="cannot be written"):
        write_private(tmp_path / "file" / "x", b"")


def test_the_newest_checkpoint_is_kept(tmp_path):
    profiles = Profiles(tmp_path)
    assert profiles.checkpoint("default") is None

    profiles.save_checkpoint("default", "log\n1\nroot\n\n— log sig\n")

    assert profiles.checkpoint("default") == "log\n1\nroot\n\n— log sig\n"


def test_a_key_can_be_in_the_keyring():
    ring = Ring()

    keep_seed(ring, "opr_1", b"s" * 32)

    assert kept_seed(ring, "opr_1") == b"s" * 32
    with pytest.raises(Exit, match="does not hold your key"):
        kept_seed(ring, "opr_2")


def test_a_locked_keyring_is_said_without_what_it_said():
    with pytest.raises(Exit) as ended:
        kept_seed(Ring(locked=True), "opr_1")
    assert ended.value.code == REFUSED
    assert "s3cret" not in str(ended.value)
    with pytest.raises(Exit, match="did not take"):
        keep_seed(Ring(locked=True), "opr_1", b"s" * 32)

# SPDX-License-Identifier: Apache-2.0
"""The directory, the root key and the ports."""

import socket
import stat
from pathlib import Path

import pytest

from smartagent.server.errors import AlreadyRunning, PortTaken, SetUpBroken
from smartagent.server.premises import (
    check_port_free,
    listening_socket,
    open_premises,
)
from smartagent.server.settings import Settings, derived


def zeros(size):
    return bytes(size)


@pytest.fixture
def settings(tmp_path):
    return derived(Settings(data_dir=str(tmp_path / "data")))


def mode_of(path):
    return stat.S_IMODE(Path(path).stat().st_mode)


def test_the_data_directory_is_made_for_its_owner_only(settings):
    with open_premises(settings):
        assert mode_of(settings.data_dir) == 0o700
        assert mode_of(settings.run_path) == 0o700


def test_a_directory_that_others_can_enter_is_refused_with_the_remedy(settings):
    settings.data_path.mkdir(mode=0o755)
    settings.data_path.chmod(0o755)

    with pytest.raises(SetUpBroken, match="chmod 700"):
        open_premises(settings)


def test_a_second_authority_does_not_start_on_the_same_directory(settings):
    with open_premises(settings), pytest.raises(AlreadyRunning):
        open_premises(settings)
    open_premises(settings).close()


def test_counts_of_an_earlier_run_are_forgotten(settings):
    open_premises(settings).close()
    (settings.run_path / "metrics-0").write_bytes(b"12345678")

    open_premises(settings).close()

    assert not list(settings.run_path.glob("metrics-*"))


def test_a_port_that_somebody_shares_is_not_free():
    shared = listening_socket("127.0.0.1", 0)
    port = shared.getsockname()[1]
    try:
        with pytest.raises(PortTaken):
            check_port_free("127.0.0.1", port)
        second = listening_socket("127.0.0.1", port)
        second.close()
    finally:
        shared.close()
    check_port_free("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused_in_plain_words():
    with pytest.raises(SetUpBroken, match="not an address of this machine"):
        check_port_free("192.0.2.1", 8700)


def test_a_socket_is_not_left_open_when_the_port_is_taken():
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen(1)
        with pytest.raises(OSError, match="in use"):
            listening_socket("127.0.0.1", holder.getsockname()[1])

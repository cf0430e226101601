# SPDX-License-Identifier: Apache-2.0
"""The operator's key in the operating system's keyring, for those who asked for it at login."""

from typing import Final, Protocol

from smartagent.cli.exits import REFUSED, USAGE, Exit

SERVICE: Final = "smartagent"


class Ring(Protocol):
    """What is used of the optional package `keyring`."""

    def get_password(self, service_name: str, username: str) -> str | None:
        """Return what is kept."""
        ...

    def set_password(self, service_name: str, username: str, password: str) -> None:
        """Keep something."""
        ...


def system_ring() -> Ring:
    """Return the operating system's keyring.

    Raises:
        Exit: The optional package is not installed.
    """
    try:
        import keyring  # noqa: PLC0415 -- an optional extra
    except ImportError:
        raise Exit(USAGE, "The OS keyring needs an extra: pip install 'smartagent[keyring]'") from None
    return keyring


def keep_seed(ring: Ring, operator: str, seed: bytes) -> None:
    """Keep the seed of `operator`'s key.

    Raises:
        Exit: The keyring does not take it.
    """
    try:
        ring.set_password(SERVICE, operator, seed.hex())
    except Exception as error:  # noqa: BLE001 -- each backend fails in its own way
        raise Exit(REFUSED, f"The keyring did not take the key: {type(error).__name__}.") from None


def kept_seed(ring: Ring, operator: str) -> bytes:
    """Return the seed of `operator`'s key.

    Raises:
        Exit: The keyring does not have it, or is locked.
    """
    try:
        kept = ring.get_password(SERVICE, operator)
    except Exception as error:  # noqa: BLE001 -- each backend fails in its own way
        raise Exit(REFUSED, f"The keyring cannot be read: {type(error).__name__}.") from None
    if kept is None:
        raise Exit(REFUSED, "The keyring does not hold your key any more; ask for a new claim link.")
    return bytes.fromhex(kept)

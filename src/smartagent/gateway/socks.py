# SPDX-License-Identifier: Apache-2.0
"""SOCKS 5 with names and a password, as another way to ask for a tunnel.

    methods --> 2: user and password --> the token is the password --> CONNECT to a name and a port

Addresses are refused, as with CONNECT: TLS could not tell which host is meant.

Spec: RFC 1928 sections 3, 4 and 6; RFC 1929 section 2.
"""

from typing import Final

from smartagent.gateway.head import RequestHead

VERSION: Final = 5
OPEN: Final = b"\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"
REFUSED: Final = b"\x05\x02\x00\x01\x00\x00\x00\x00\x00\x00"
MAX_BYTES: Final = 1024
_BY_PASSWORD: Final = 2
_NO_METHOD: Final = b"\x05\xff"
_ASK_PASSWORD: Final = b"\x05\x02"
_LOGIN_VERSION: Final = 1
_TAKEN: Final = b"\x01\x00"
_CONNECT: Final = b"\x05\x01\x00"
_NAME: Final = 3
_UNSUPPORTED_COMMAND: Final = b"\x05\x07\x00\x01\x00\x00\x00\x00\x00\x00"
_UNSUPPORTED_ADDRESS: Final = b"\x05\x08\x00\x01\x00\x00\x00\x00\x00\x00"


class Refused(Exception):
    """It is not what we speak; `answer` says so, as far as the protocol can."""

    def __init__(self, answer: bytes = b"") -> None:
        super().__init__("not SOCKS as we speak it")
        self.answer = answer


class Greeting:
    """What a client says before its tunnel is open, taken as it comes."""

    def __init__(self) -> None:
        self._step = self._methods
        self._token = ""
        self.head: RequestHead | None = None
        """The tunnel that is asked for, once it is known."""

    def feed(self, data: bytes) -> tuple[bytes, bytes]:
        """Take what has come so far; return what to answer, and what is left for the next step.

        Raises:
            Refused: It cannot become a tunnel.
        """
        answers = b""
        while self.head is None:
            taken = self._step(data)
            if taken is None:
                break
            answer, size = taken
            answers, data = answers + answer, data[size:]
        return answers, data

    def _methods(self, data: bytes) -> tuple[bytes, int] | None:
        if len(data) < 2 or len(data) < 2 + data[1]:  # noqa: PLR2004 -- version, count
            return None
        size = 2 + data[1]
        if _BY_PASSWORD not in data[2:size]:
            raise Refused(_NO_METHOD)
        self._step = self._login
        return _ASK_PASSWORD, size

    def _login(self, data: bytes) -> tuple[bytes, int] | None:
        if data[:1] not in {b"", bytes([_LOGIN_VERSION])}:
            raise Refused
        if len(data) < 2 or len(data) < 3 + data[1]:  # noqa: PLR2004 -- version, length, ..., length
            return None
        at = 2 + data[1]
        size = at + 1 + data[at]
        if len(data) < size:
            return None
        try:
            self._token = data[at + 1 : size].decode("ascii")
        except UnicodeDecodeError:
            raise Refused from None
        self._step = self._request
        # Whether it is good is decided with where it wants to go, and recorded there.
        return _TAKEN, size

    def _request(self, data: bytes) -> tuple[bytes, int] | None:
        if len(data) < 5:  # noqa: PLR2004 -- version, command, 0, kind of address, length
            return None
        if data[:3] != _CONNECT:
            raise Refused(_UNSUPPORTED_COMMAND)
        if data[3] != _NAME:
            raise Refused(_UNSUPPORTED_ADDRESS)
        size = 5 + data[4] + 2
        if len(data) < size:
            return None
        name, port = data[5 : size - 2], int.from_bytes(data[size - 2 : size])
        target = f"{name.decode('latin-1')}:{port}"
        fields = {"host": target, "proxy-authorization": f"Bearer {self._token}"}
        self.head = RequestHead(
            "CONNECT", target, [], fields, 0, keep_alive=True, expects_continue=False, old=False
        )
        return b"", size

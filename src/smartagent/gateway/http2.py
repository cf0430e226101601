# SPDX-License-Identifier: Apache-2.0
"""How HTTP/2 is spoken here, on both sides: with which bounds.

Spec: RFC 9113 sections 5.1.2, 6.5.2, 6.8 and 6.9.
"""

from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import Event
from h2.exceptions import DenialOfServiceError
from h2.settings import SettingCodes, Settings

MAX_STREAMS: Final = 100
WINDOW_BYTES: Final = 65_535
"""How much may be on its way to us on one stream, and what one stream holds at most when its other side is slow."""
WORTH_SAYING_BYTES: Final = WINDOW_BYTES // 4
"""How much of a window is given back at once."""
FULL_BYTES: Final = 65_536
"""How much waits for the other side's windows before whoever sends it is held."""
DRAINED_BYTES: Final = 16_384
"""How little must wait until they go on."""
TABLE_BYTES: Final = 4096
_MAX_SETTINGS: Final = 64
_MAX_UNTAKEN_BYTES: Final = 65_536
_GOAWAY_HEAD: Final = b"\x00\x00\x08\x07\x00\x00\x00\x00\x00"


class Http2(H2Connection):
    """The library's connection, with our bounds.  It checks streams and windows; heads are checked in `http2_fields`.

    Args:
        client: This is the side that asks.
        max_head_bytes: Of one head that comes, unpacked.
    """

    MAX_CLOSED_STREAMS = 1024
    """How many of the streams that are over it remembers: a long connection has many."""

    def __init__(self, *, client: bool, max_head_bytes: int) -> None:
        super().__init__(
            H2Configuration(
                client_side=client, validate_inbound_headers=False, normalize_inbound_headers=False
            )
        )
        bounds = {
            SettingCodes.ENABLE_PUSH: 0,
            SettingCodes.MAX_CONCURRENT_STREAMS: MAX_STREAMS,
            SettingCodes.INITIAL_WINDOW_SIZE: WINDOW_BYTES,
            SettingCodes.MAX_HEADER_LIST_SIZE: max_head_bytes,
        }
        self.decoder.max_header_list_size = max_head_bytes
        self.local_settings = Settings(client, bounds)
        self._untaken_bytes = 0
        self.initiate_connection()
        # The library ends the connection over one stream too many; here that stream alone is refused, well before.
        self.local_settings = Settings(
            client, bounds | {SettingCodes.MAX_CONCURRENT_STREAMS: 2 * MAX_STREAMS}
        )

    def take(self, data: bytes) -> list[Event]:
        """Take bytes; return what they say.

        Raises:
            ProtocolError: They break a rule.  What is to be sent says which.
        """
        events = self.receive_data(data)
        if len(self.remote_settings) > _MAX_SETTINGS:
            self.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
            raise DenialOfServiceError("more settings than there are")
        return events

    def outgoing(self, *, full: bool) -> bytes:
        """Return what is to be sent, to a side that takes nothing at present if it is `full`.

        Raises:
            DenialOfServiceError: It takes nothing, and has asked for more than may heap up.
        """
        data = self.data_to_send()
        self._untaken_bytes = self._untaken_bytes + len(data) if full else 0
        if self._untaken_bytes > _MAX_UNTAKEN_BYTES:
            raise DenialOfServiceError("what was asked for is not taken")
        return data


def farewell(last_id: int) -> bytes:
    """Return the frame that says which stream is the last; past the library, for which nothing comes after it."""
    return _GOAWAY_HEAD + last_id.to_bytes(4) + int(ErrorCodes.NO_ERROR).to_bytes(4)

# SPDX-License-Identifier: Apache-2.0
"""The gateway's limits."""

import msgspec


class GatewaySettings(msgspec.Struct, frozen=True):
    """What the gateway bounds, and by how much.

    Seconds are idle times: every byte that moves starts them anew, so a slow upload is not a
    hanging one.  The one exception is `head_seconds`, within which a whole request head must
    come.  A stream's longest life is that of its token.
    """

    max_connections: int = 4096
    max_head_bytes: int = 32_768
    max_body_bytes: int = 64 * 1024 * 1024
    head_seconds: float = 10.0
    idle_seconds: float = 75.0
    upload_idle_seconds: float = 60.0
    stream_idle_seconds: float = 300.0
    connect_seconds: float = 5.0
    pool_idle_seconds: float = 30.0
    linger_seconds: float = 2.0
    drain_seconds: float = 30.0
    approval_wait_seconds: float = 60.0
    """How long a call that somebody has to approve is held."""
    sweep_seconds: float = 0.25
    buffer_bytes: int = 262_144
    own_ports: frozenset[int] = frozenset()
    """Ports that this authority listens on: never dialled at a local address."""
    ca_file: str = ""
    """A PEM file of authorities to trust instead of the system's, for upstreams with a private CA."""

# SPDX-License-Identifier: Apache-2.0
"""`smartagent serve`: everything from a configuration to an exit code."""

from collections.abc import Callable

from smartagent.server import logs
from smartagent.server.premises import check_port_free, open_premises
from smartagent.server.settings import Settings
from smartagent.server.supervisor import Started, supervise


def serve(settings: Settings, announce: Callable[[Started], None]) -> int:
    """Run the authority in this process and its children, until it is told to stop.

    Args:
        settings: All of them, derived.
        announce: Called once, when the authority answers.

    Returns:
        The exit code.

    Raises:
        ServerError: It cannot be started; the text says why and what to do.
    """
    import uvloop  # noqa: PLC0415 -- only a process that serves needs it

    logs.configure(settings)
    check_port_free(settings.listen, settings.port)
    check_port_free(settings.listen, settings.gateway_port)
    with open_premises(settings):
        return uvloop.run(supervise(settings, announce))

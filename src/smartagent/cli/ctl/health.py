# SPDX-License-Identifier: Apache-2.0
"""What `status` asks: two public pages, no login needed when the address is given."""

from importlib.metadata import PackageNotFoundError, version

import msgspec

from smartagent.cli.ctl.claiming import read_about
from smartagent.cli.ctl.desk import finished, means_for
from smartagent.cli.ctl.place import Place
from smartagent.cli.profile import Profiles


class Readiness(msgspec.Struct, frozen=True):
    """What `/readyz` says."""

    status: str
    failing: list[str] = []


def health_of(place: Place) -> dict[str, object]:
    """Ask whether the authority is well.

    Raises:
        Exit: It does not answer.
    """
    issuer = place.server.rstrip("/") or Profiles(place.config_home).load(place.profile).issuer
    means = means_for(issuer, place.server)

    async def run() -> dict[str, object]:
        try:
            about = await read_about(means, issuer)
            answer = await means.exchange("GET", f"{issuer}/readyz", {}, b"")
            readiness = msgspec.json.decode(answer.body, type=Readiness)
        finally:
            await means.exchange.close()
        return {
            "server": issuer,
            "issuer": about.issuer,
            "gateway_url": about.gateway_url,
            "ready": readiness.status == "ready",
            "failing": readiness.failing,
            "server_version": about.version,
            "our_version": _ours(),
        }

    return finished(run())


def _ours() -> str:
    try:
        return version("smartagent")
    except PackageNotFoundError:
        return "0+source"

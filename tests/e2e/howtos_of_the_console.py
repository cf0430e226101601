# SPDX-License-Identifier: Apache-2.0
"""Reader of the page about the console, for `test_howtos`."""

from tests.e2e.howtos_of_governance import owner_of


async def use_the_console(reader):
    assert "/oauth/sign-in" in await reader.do()
    # Whoever reads a page came by a later link; the house's first operator makes them a security officer.
    own = await owner_of(reader)
    await reader.authority.api("POST", f"/v1/operators/{own}/role", {"role": "security-officer"})
    changed = await reader.do(also={"opr_...": own})
    assert "security-officer" in changed
    assert f"{reader.name}: viewer." in changed

# SPDX-License-Identifier: Apache-2.0
"""Who comes in: a token for this very server, with its scope, from no page of another origin."""

from types import SimpleNamespace

import pytest

from smartagent.edge import AuthenticationFailed, Inbound
from smartagent.kernel import Caller, CallerKind, CallRestriction
from smartagent.mcp.door import Door
from smartagent.mcp.errors import McpOriginRefused, McpServerNotFound, McpTokenNeeded
from smartagent.mcp.model import McpServer
from smartagent.oauth import InsufficientScope

ISSUER = "https://auth.example/tenant"
SCOPES = frozenset({"mcp:files"})


class World:
    """A door, and what stands behind it."""

    def __init__(self, caller=None, client_role=""):
        self.caller, self.role, self.audiences = caller, client_role, []
        means = SimpleNamespace(
            issuer=ISSUER,
            address_of=lambda server: f"{ISSUER}/mcp/{server}" if server else f"{ISSUER}/mcp",
            authenticate=self._authenticate,
            client_role=self._client_role,
        )
        self.door = Door(means, self)

    def server(self, name):
        if name != "files":
            raise McpServerNotFound(name)
        return SimpleNamespace(server=McpServer("files", people_role="visitor"))

    def _authenticate(self, inbound, audiences):
        self.audiences.append(audiences)
        if self.caller is None:
            raise AuthenticationFailed("why")
        return self.caller

    async def _client_role(self, caller):
        return self.role


def inbound(server="files", **headers):
    return Inbound("req_1", "POST", "/mcp", headers=headers, params={"server": server} if server else {})


@pytest.mark.parametrize(("server", "audience"), [("files", f"{ISSUER}/mcp/files"), ("", f"{ISSUER}/mcp")])
async def test_the_token_is_for_the_very_address(server, audience):
    world = World(Caller("agt_1", CallerKind.AGENT, role="worker"))
    assert (await world.door.by_mcp_token(inbound(server))).role == "worker"
    assert world.audiences == [{audience}]


async def test_who_brings_no_good_token_is_told_where_to_get_one():
    for headers, has_error in (({}, False), ({"authorization": "Bearer x"}, True)):
        with pytest.raises(McpTokenNeeded) as needed:
            await World().door.by_mcp_token(inbound(**headers))
        challenge = dict(needed.value.response_headers)["www-authenticate"]
        assert (
            'resource_metadata="https://auth.example/.well-known/oauth-protected-resource/tenant/mcp/files"'
            in challenge
        )
        assert 'scope="mcp:files"' in challenge
        assert ("error=" in challenge) == has_error
        assert "why" not in str(needed.value)


async def test_a_token_for_one_call_is_not_taken():
    caller = Caller("agt_1", CallerKind.AGENT, restriction=CallRestriction(method="POST"))
    with pytest.raises(McpTokenNeeded):
        await World(caller).door.by_mcp_token(inbound())


@pytest.mark.parametrize("kind", [CallerKind.PERSON, CallerKind.CLIENT])
async def test_people_have_their_clients_role_or_the_servers_for_people(kind):
    caller = Caller("opr_1", kind, role="admin")
    assert (await World(caller).door.by_mcp_token(inbound())).role == "visitor"
    assert (await World(caller, "desk").door.by_mcp_token(inbound())).role == "desk"
    assert (await World(caller).door.by_mcp_token(inbound(""))).role == ""


def test_the_scope_of_the_server_is_needed():
    world = World()
    world.door.admit(Caller("agt_1", CallerKind.AGENT, scopes=SCOPES), inbound())
    world.door.admit(Caller("agt_1", CallerKind.AGENT), inbound(""))
    with pytest.raises(InsufficientScope):
        world.door.admit(Caller("agt_1", CallerKind.AGENT, scopes=frozenset({"mcp:file"})), inbound())


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "", "https://auth.example/tenant", "http://auth.example"]
)
def test_other_origins_are_refused(origin):
    caller = Caller("agt_1", CallerKind.AGENT, scopes=SCOPES)
    World().door.admit(caller, inbound(origin="https://auth.example"))
    with pytest.raises(McpOriginRefused):
        World().door.admit(caller, inbound(origin=origin))

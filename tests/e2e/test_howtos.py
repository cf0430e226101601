# SPDX-License-Identifier: Apache-2.0
"""Every command of the how-tos, as a reader would paste it, against a real authority.

A block that needs what is not here (a cluster, somebody else's issuer) is fenced `sh no-run`; all
others are run, in order, in one shell for each page.  What people decide is done between the blocks.
"""

import pytest
import pytest_asyncio

from tests.e2e.howtos_of_approvals import approve
from tests.e2e.howtos_of_governance import elevate, govern, leavers, review
from tests.e2e.howtos_of_leases import (
    aws,
    backup,
    clouds,
    database,
    end_everything,
    files,
    mariadb,
    oauth_accounts,
    other_stores,
    places,
    proxy,
    root_key,
    rotate,
    run_a_program,
    scan,
    secrets,
    ssh,
    vault_clients,
)
from tests.e2e.howtos_of_mcp import mcp_servers
from tests.e2e.howtos_of_notices import hear
from tests.e2e.howtos_of_policies import blast_radius, decisions, lint, policy_tests, replay, shrink
from tests.e2e.howtos_of_reach import ask_for_access, break_glass, narrow, oidc_groups
from tests.e2e.howtos_of_rules import circumstances, going_back, prompts, staging
from tests.e2e.howtos_of_tokens import (
    assertion,
    attest,
    background,
    client_credentials,
    code,
    delegate,
    device,
    follow,
    for_a_person,
    introspect,
    limit,
    openid,
    per_call,
    protect,
    register,
    revoke,
    transaction,
)
from tests.e2e.reader import BLOCK, HOW_TO, Reader, Shell
from tests.interop.authority import Authority

ELSEWHERE = {"check-the-log.md"}
"""Run with the tutorial, whose work it looks at."""
PAGES = sorted(page.name for page in HOW_TO.glob("*.md") if BLOCK.search(page.read_text(encoding="utf-8")))

pytestmark = [pytest.mark.e2e, pytest.mark.xdist_group("howtos")]


SCENARIOS = {
    "approve-calls.md": approve,
    "decide-by-circumstances.md": circumstances,
    "go-back-to-an-older-rule.md": going_back,
    "make-a-role-from-a-prompt-file.md": prompts,
    "try-a-rule-on-a-few-agents.md": staging,
    "act-for-a-person.md": for_a_person,
    "agents-ask-for-access.md": ask_for_access,
    "ask-for-decisions.md": decisions,
    "attest-workloads.md": attest,
    "authorization-code.md": code,
    "break-the-glass.md": break_glass,
    "ciba.md": background,
    "client-credentials.md": client_credentials,
    "delegate-to-a-sub-agent.md": delegate,
    "device-code.md": device,
    "elevate-an-agent.md": elevate,
    "end-everything-of-an-agent.md": end_everything,
    "find-keys-and-replace-them.md": scan,
    "find-rules-that-need-attention.md": lint,
    "follow-revocations.md": follow,
    "govern-agents.md": govern,
    "hear-of-what-needs-you.md": hear,
    "identity-assertion.md": assertion,
    "owners-by-oidc-groups.md": oidc_groups,
    "people-and-leavers.md": leavers,
    "introspect-a-token.md": introspect,
    "back-up-and-restore.md": backup,
    "grant-files-on-a-host.md": files,
    "limit-what-agents-do.md": limit,
    "work-behind-the-proxy.md": proxy,
    "put-a-secret-in-its-place.md": places,
    "keep-secrets.md": secrets,
    "use-accounts-at-oauth-providers.md": oauth_accounts,
    "lease-google-cloud-and-azure-tokens.md": clouds,
    "protect-the-root-key.md": root_key,
    "use-secrets-of-other-stores.md": other_stores,
    "lease-a-database-login.md": database,
    "lease-a-mariadb-login.md": mariadb,
    "lease-an-ssh-certificate.md": ssh,
    "lease-aws-credentials.md": aws,
    "per-call-tokens.md": per_call,
    "put-mcp-servers-behind-the-gateway.md": mcp_servers,
    "protect-a-resource.md": protect,
    "register-a-client.md": register,
    "review-access.md": review,
    "revoke-a-token.md": revoke,
    "rotate-secrets.md": rotate,
    "run-a-program-with-credentials.md": run_a_program,
    "say-which-tables-files-and-hosts.md": narrow,
    "see-what-an-agent-can-reach.md": blast_radius,
    "shrink-a-role.md": shrink,
    "sign-in-with-openid-connect.md": openid,
    "test-policies.md": policy_tests,
    "transaction-tokens.md": transaction,
    "try-a-policy-on-the-past.md": replay,
    "use-vault-clients.md": vault_clients,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def authority(tmp_path_factory):
    authority = await Authority(tmp_path_factory.mktemp("authority")).start()
    yield authority
    await authority.close()


def test_every_page_with_commands_is_followed_by_somebody():
    assert set(PAGES) == set(SCENARIOS) | ELSEWHERE


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize("page", sorted(SCENARIOS))
async def test_every_command_of_a_page_works(authority, tmp_path, page):
    shell = await Shell(tmp_path).start()
    reader = Reader(authority, shell, page)
    try:
        await reader.log_in()
        await SCENARIOS[page](reader)
        assert reader.blocks == []
    finally:
        await shell.close()

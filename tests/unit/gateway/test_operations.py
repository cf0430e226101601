# SPDX-License-Identifier: Apache-2.0
"""What a call does, found out of what it says."""

import pytest

from smartagent.edge import Inbound
from smartagent.gateway.operations import content_type, git_operation


@pytest.mark.parametrize(
    ("method", "path", "query", "kind"),
    [
        ("GET", "/o/r.git/info/refs", "service=git-upload-pack", "git-read"),
        ("POST", "/o/r.git/git-upload-pack", "", "git-read"),
        ("GET", "/o/r.git/info/refs", "service=git-receive-pack", "git-write"),
        ("POST", "/o/r.git/git-receive-pack", "", "git-write"),
        ("GET", "/o/r.git/info/refs", "", ""),
        ("GET", "/o/r.git/info/refs", "service=git-upload-pack&service=git-receive-pack", ""),
        ("GET", "/o/r.git/info/refs", "x=1&service=git-upload-pack", ""),
        ("GET", "/o/r.git/info/refs", "Service=git-upload-pack", ""),
        ("POST", "/o/r.git/info/refs", "service=git-upload-pack", ""),
        ("PUT", "/o/r.git/git-upload-pack", "", ""),
        ("POST", "/o/r.git/git-upload-pack/x", "", ""),
        ("GET", "/o/r.git/HEAD", "", ""),
        ("POST", "/o/r.git/info/lfs/objects/batch", "", ""),
        ("GET", "/api/v3/user", "", ""),
    ],
)
def test_a_fetch_and_a_push_are_told_apart_and_from_all_else(method, path, query, kind):
    assert git_operation(method, path, query).kind == kind


@pytest.mark.parametrize(
    ("stated", "has_body", "found"),
    [
        ("application/json", True, "application/json"),
        ("Application/JSON; charset=utf-8", True, "application/json"),
        ("application/json, text/xml", True, "application/json, text/xml"),
        ("", False, ""),
        ("", True, "application/octet-stream"),
        ("text/plain", False, "text/plain"),
    ],
)
def test_a_body_without_a_content_type_has_one_all_the_same(stated, has_body, found):
    headers = {"content-type": stated} if stated else {}
    assert content_type(Inbound("req_1", "POST", "/crm/a", headers=headers), has_body=has_body) == found

# SPDX-License-Identifier: Apache-2.0
"""Readers of the page about notices, for `test_howtos`."""

import re

from tests.e2e.reader import HOW_TO
from tests.unit.federation.test_fetching import Origin

PYTHON = re.compile(r"^```python\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def checker(page):
    """Return the page's own function that tells whose a message is."""
    (block,) = PYTHON.findall((HOW_TO / page).read_text(encoding="utf-8"))
    names = {}
    exec(block, names)  # noqa: S102 -- the page's own code is what is tried
    return names["is_ours"]


def received(raw):
    head, _, body = raw.partition(b"\r\n\r\n")
    fields = (line.partition(": ") for line in head.decode().split("\r\n")[1:])
    return {name.lower(): value for name, _, value in fields}, body


async def hear(reader):
    receiver = await Origin().start()
    reader.stands_for["https://hooks.example.com/smartagent"] = (
        f"http://127.0.0.1:{receiver.port}/in --allow-private"
    )
    is_ours = checker("hear-of-what-needs-you.md")
    shown = await reader.do()
    assert "took the notice ntc_" in shown
    secret = re.search(r"whsec_\S+", shown).group()
    (raw,) = receiver.requests
    assert is_ours(secret, *received(raw))
    assert not is_ours(secret, received(raw)[0], b"{}")
    anew = re.search(r"whsec_\S+", await reader.do()).group()
    assert not is_ours(anew, *received(raw))
    listed = await reader.do()
    assert "working" in listed
    assert secret not in listed
    assert "channel.tested" in await reader.do()
    receiver.answer = b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"
    failed = await reader.shell.run("smartagentctl channel test ops 2>&1 || echo exit $?")
    assert "did not get through: status 500." in failed
    assert failed.endswith("exit 1")
    assert "one of the two" in await reader.shell.run("smartagentctl channel put none 2>&1 || true")
    assert "Nothing goes to ops any more." in await reader.do()
    await receiver.stop()

# SPDX-License-Identifier: Apache-2.0
"""What a new user does first: the demo, and the tutorial line by line, in an empty folder."""

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
BIN = Path(sys.executable).parent

pytestmark = pytest.mark.xdist_group("story")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def clean_environment(home, **settings):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SMARTAGENT_")}  # noqa: TID251 -- what the child inherits
    return {
        **kept,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "PATH": f"{BIN}:{kept['PATH']}",
        **settings,
    }


def run_in_a_session(command, *, folder, environment, seconds):
    """Run `command`, and end whatever it left running."""
    output = folder / "output.txt"
    with output.open("w") as sink:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait(timeout=seconds)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    return process.returncode, output.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo")
    return run_in_a_session(
        [BIN / "smartagent", "demo"], folder=folder, environment=clean_environment(folder), seconds=90
    )


def test_the_demo_holds_from_the_first_step_to_the_last(demo):
    code, output = demo
    assert code == 0, output
    assert "Everything held" in output
    assert [line.partition(".")[0] for line in output.splitlines() if re.match(r"\d+\. ", line)] == [
        str(number) for number in range(1, 13)
    ]
    assert "ok with another amount it is refused: 403" in output


def test_the_demo_shows_no_secret_of_the_shop(demo):
    assert "shop_live_" not in demo[1]
    assert "postgresql://sa_" not in demo[1]


def test_every_command_of_the_tutorial_and_of_checking_the_log_works(tmp_path):
    pages = (DOCS / "tutorial" / "first-call.md", DOCS / "how-to" / "check-the-log.md")
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    ports = {"8700": free_port(), "8701": free_port(), "9000": free_port()}
    script = "set -e\n" + "\n".join(BLOCK.findall(text)) + "\nkill %1 %2; wait\n"
    for port, chosen in ports.items():
        script = script.replace(port, chosen)
    environment = clean_environment(
        tmp_path, SMARTAGENT_PORT=ports["8700"], SMARTAGENT_GATEWAY_PORT=ports["8701"]
    )
    code, output = run_in_a_session(
        ["bash", "-c", script], folder=tmp_path, environment=environment, seconds=90
    )
    log = (tmp_path / "serve.log").read_text(encoding="utf-8") if (tmp_path / "serve.log").exists() else ""
    assert '{"order": 7, "total_minor": 12900}' in output, output + log
    assert '"missing":"DELETE /orders/7 on shop"' in output, output
    assert output.rstrip().count('"status":401') == 1, output
    assert output.count("It holds.") == 3, output
    assert code in {0, 143}, output + log
    assert "shop-live-key" not in output + log

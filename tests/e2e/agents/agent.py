# SPDX-License-Identifier: Apache-2.0
"""A coding agent in small, which knows nothing of a gateway: agent.py <url>."""

import os
import subprocess
import sys
from pathlib import Path

import httpx
from openai import OpenAI

URL = sys.argv[1]
files = httpx.get(f"{URL}/v1/files").json()
names = [each["id"] for each in files["data"]]
model = OpenAI(api_key="none-of-mine", base_url=f"{URL}/v1")
asked = [{"role": "user", "content": f"what is in {names}?"}]
events = model.chat.completions.create(model="m", messages=asked, stream=True)
answer = "".join(event.choices[0].delta.content for event in events)
subprocess.run(["git", "clone", "-q", f"{URL}/git/notes.git", "clone"], check=True)
result = f"{names}: {answer} {Path('clone/README').read_text()}"
httpx.post(f"{URL}/v1/results", content=result).raise_for_status()
Path("result.txt").write_text(f"{result}\n{files}")
Path("environment.txt").write_text(repr(dict(os.environ)))  # noqa: TID251 -- to be searched
# A tool of its own that stays, so that somebody can look at it.
subprocess.run(["sh", "-c", "echo done; cat"], check=True)

# SPDX-License-Identifier: Apache-2.0
"""Python's clients, as their manuals say to use them: clients.py <client> <url>."""

import asyncio
import sys

URL = sys.argv[2]
ASKED = [{"role": "user", "content": "what is there?"}]


def say(word):
    sys.stdout.write(f"{word}\n")


def by_httpx():
    import httpx

    say(httpx.get(f"{URL}/v1/files").json()["data"][0]["id"])
    with httpx.Client() as client:
        say(client.post(f"{URL}/v1/results", content=b"x" * 100_000).status_code)


def by_requests():
    import requests

    say(requests.get(f"{URL}/v1/files", timeout=30).json()["data"][0]["id"])
    with requests.Session() as session:
        say(session.post(f"{URL}/v1/results", data=(b"x" * 1000 for _ in range(100))).status_code)


def by_aiohttp():
    import aiohttp

    async def main():
        async with aiohttp.ClientSession(trust_env=True) as session:
            async with session.get(f"{URL}/v1/files") as answer:
                say((await answer.json())["data"][0]["id"])
            async with session.post(f"{URL}/v1/results", data=b"x" * 100_000) as answer:
                say(answer.status)

    asyncio.run(main())


def by_aiohttp_websocket():
    import aiohttp

    async def main():
        async with (
            aiohttp.ClientSession(trust_env=True) as session,
            session.ws_connect(f"{URL}/v1/chat") as socket,
        ):
            for said in ("hello", "key?"):
                await socket.send_str(said)
                say((await socket.receive()).data)

    asyncio.run(main())


def by_openai():
    from openai import OpenAI

    client = OpenAI(api_key="made-up", base_url=f"{URL}/v1", max_retries=0)
    say(client.chat.completions.create(model="m", messages=ASKED).choices[0].message.content)
    events = client.chat.completions.create(model="m", messages=ASKED, stream=True)
    say("".join(event.choices[0].delta.content for event in events))


def by_anthropic():
    from anthropic import Anthropic

    client = Anthropic(api_key="made-up", base_url=f"{URL}/claude", max_retries=0)
    asked = {"model": "m", "max_tokens": 10, "messages": ASKED}
    say(client.messages.create(**asked).content[0].text)
    with client.messages.stream(**asked) as stream:
        say("".join(stream.text_stream))


globals()[f"by_{sys.argv[1]}"]()

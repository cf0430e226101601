# SPDX-License-Identifier: Apache-2.0
"""HTTP/2 in tunnels, with its own library and with real clients."""

import asyncio
import ssl
import sys

import pytest

from smartagent.kernel import Decision
from tests.e2e.test_forward_proxy import AUTHORITY, environment, run, tunneled
from tests.e2e.test_gateway_bulk import swallow
from tests.unit.gateway.fakes import TOKEN
from tests.unit.gateway.http2_client import OK, Client, fields
from tests.unit.gateway.origin import always, on_both_loops, world

pytestmark = pytest.mark.e2e


async def in_tunnel(rig, *protocols):
    """Open a tunnel, and offer protocols in TLS."""
    context = ssl.create_default_context(cadata=AUTHORITY.pem.decode())
    context.set_alpn_protocols(protocols)
    agent = await rig.tunnel(context=context)
    return agent, agent.writer.get_extra_info("ssl_object").selected_alpn_protocol()


def asked(rig, path="/v1/orders", **more):
    return fields(path, **{"authority": rig.host, "scheme": "https", "token": "", **more})


@on_both_loops
async def test_a_tunnel_speaks_http_2_to_who_offers_it(tmp_path):
    async with tunneled(tmp_path) as rig:
        agent, protocol = await in_tunnel(rig, "h2", "http/1.1")
        assert protocol == "h2"
        client = Client(agent.reader, agent.writer)
        for _ in range(3):
            assert (await client.call(asked(rig))).body == b'{"ok": true}'
        assert {each.target for each in rig.here.origin.requests} == {"/v1/orders"}
        assert {each.headers["host"] for each in rig.here.origin.requests} == {rig.host}
        assert (await in_tunnel(rig, "http/1.1"))[1] == "http/1.1"
        assert (await in_tunnel(rig, "spdy/3"))[1] is None


@pytest.mark.parametrize("authority", ["other.example", "localhost", "localhost:1"])
async def test_an_authority_that_is_not_the_tunnels_is_refused_and_recorded(tmp_path, authority):
    async with tunneled(tmp_path) as rig:
        agent, _ = await in_tunnel(rig, "h2")
        client = Client(agent.reader, agent.writer)
        assert (await client.call(asked(rig, authority=authority))).status == 400
        assert rig.events()[-1] == ("gateway.call", Decision.DENY)
        assert (await client.call(asked(rig, scheme="http"))).status == 400
        assert rig.here.origin.requests == []
        assert (await client.call(asked(rig))).status == 200


async def test_a_revocation_ends_a_tunnel_with_all_its_streams(tmp_path):
    async def stalling(request, reader, writer):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello")
        await asyncio.Event().wait()

    async with tunneled(tmp_path, stalling) as rig:
        idle, _ = await in_tunnel(rig, "h2")
        busy, _ = await in_tunnel(rig, "h2")
        idle, busy = Client(idle.reader, idle.writer), Client(busy.reader, busy.writer)
        streams = [busy.ask(asked(rig)) for _ in range(5)]
        await busy.until(lambda: all(busy.seen[each].body == b"hello" for each in streams))
        began = asyncio.get_running_loop().time()
        rig.doors.revoke("agt_1")
        await busy.end()
        await idle.end()
        assert asyncio.get_running_loop().time() - began < 0.1
        assert all(not busy.seen[each].ended for each in streams)
        assert idle.goaway is not None


@pytest.mark.parametrize("version", ["--http2", "--http1.1"])
async def test_curl_speaks_it_in_a_tunnel(tmp_path, version):
    async with tunneled(tmp_path, swallow) as rig:
        big = tmp_path / "big"
        big.write_bytes(bytes(3_000_000))
        words = ("curl", "-sS", version, "-w", " %{http_version}", "--data-binary", f"@{big}")
        code, said = await run(*words, f"https://{rig.host}/v1/orders", environ=environment(rig))
        assert (code, said) == (0, "swallowed 2" if version == "--http2" else "swallowed 1.1")


async def test_curl_speaks_it_by_prior_knowledge():
    async with world(always(OK)) as here:
        words = ("curl", "-sS", "--http2-prior-knowledge", "-H", f"Authorization: Bearer {TOKEN}")
        assert await run(*words, f"http://127.0.0.1:{here.port}/crm/a") == (0, '{"ok": true}')


async def test_httpx_speaks_it_in_a_tunnel(tmp_path):
    async with tunneled(tmp_path) as rig:
        script = (
            "import httpx\nwith httpx.Client(http2=True) as client:\n"
            f"    for _ in range(3): got = client.get('https://{rig.host}/v1/orders')\n"
            "    print(got.http_version, got.text)"
        )
        code, said = await run(sys.executable, "-W", "ignore", "-c", script, environ=environment(rig))
        assert (code, said.strip()) == (0, 'HTTP/2 {"ok": true}')


GO = """package main

import ("fmt"; "io"; "net/http"; "net/url"; "os"; "strings"; "sync")

func main() {
	var all sync.WaitGroup
	// From the environment, Go takes no proxy for names of this machine.
	proxy, _ := url.Parse(os.Getenv("HTTPS_PROXY"))
	http.DefaultTransport.(*http.Transport).Proxy = http.ProxyURL(proxy)
	for range 50 {
		all.Add(1)
		go func() {
			defer all.Done()
			answer, err := http.Post(os.Args[1], "text/plain", strings.NewReader(strings.Repeat("x", 200000)))
			if err != nil { fmt.Println(err); return }
			body, err := io.ReadAll(answer.Body)
			if err != nil { fmt.Println(err); return }
			fmt.Println(answer.Proto, string(body))
		}()
	}
	all.Wait()
}
"""


@pytest.mark.needs("go")
async def test_gos_client_speaks_it_in_a_tunnel_with_many_requests_at_once(tmp_path):
    source = tmp_path / "ask.go"
    source.write_text(GO)
    async with tunneled(tmp_path, swallow) as rig:
        program = tmp_path / "ask"
        built = await run("go", "build", "-o", program, source, environ={"GOTOOLCHAIN": "local"})
        assert built == (0, "")
        code, said = await run(program, f"https://{rig.host}/v1/orders", environ=environment(rig))
        assert code == 0
        assert set(said.splitlines()) == {"HTTP/2.0 swallowed"}

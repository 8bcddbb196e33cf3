"""Where a person comes back to after a sign-in, and which addresses a sign-in may have the host dial."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Sequence

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from host.gateway import fetching
from host.gateway.egress import Streams
from host.gateway.fetching import Asked, Fetcher, NotFetched
from host.gateway.landing import Landing, SignInFailed


async def test_only_the_state_of_this_sign_in_lands_and_only_once() -> None:
    links = []

    async def show(url: str) -> None:
        links.append(url)

    async with asyncio.timeout(5), Landing(show) as landing:
        assert landing.redirect_uri.startswith("http://127.0.0.1:")
        assert not landing.arrived(f"{landing.redirect_uri}?code=a&state=")
        await landing.shown("https://sign.in/authorize?client_id=1&state=xyz")
        assert links == ["https://sign.in/authorize?client_id=1&state=xyz"]
        assert not landing.arrived(f"{landing.redirect_uri}?code=a")
        assert not landing.arrived(f"{landing.redirect_uri}?code=a&state=other")
        assert landing.arrived(f"{landing.redirect_uri}?code=a&state=xyz&iss=https%3A%2F%2Fsign.in&more=b")
        assert not landing.arrived(f"{landing.redirect_uri}?code=b&state=xyz")
        assert await landing.result() == {"code": "a", "state": "xyz", "iss": "https://sign.in"}


async def test_a_refusal_is_told_in_its_own_words() -> None:
    async def show(url: str) -> None:
        return

    async with asyncio.timeout(5), Landing(show) as landing:
        await landing.shown("https://sign.in/?state=xyz")
        assert landing.arrived(f"{landing.redirect_uri}?error=access_denied&state=xyz")
        with pytest.raises(SignInFailed, match=r"not agreed to \(access_denied\)"):
            await landing.result()


# ── what a sign-in may dial ──────────────────────────────────────────────────────────────────────────────────


class Names:
    """A network by its names alone; nothing is dialled by it."""

    def __init__(self, **names: list[str]) -> None:
        self.names = {name.replace("_", "."): found for name, found in names.items()}
        self.asked: list[str] = []

    async def addresses(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        if host not in self.names:
            raise OSError("no such name")
        return self.names[host]

    async def dial(self, address: str, port: int) -> Streams:
        raise OSError


def get(url: str) -> Asked:
    return Asked("GET", url, {}, b"")


PUBLIC_HOME = "https://mcp.example.com/mcp"


@pytest.mark.parametrize(
    "url",
    [
        "http://sign.in/token",
        "ftp://sign.in/token",
        "https://169.254.169.254/latest",
        "https://10.0.0.1/",
        "https://[::1]/",
        "http://127.0.0.1:1/",
        "https://inside.example.com/",
        "https://nowhere.example.com/",
    ],
)
async def test_a_public_server_cannot_send_the_host_to_what_is_private(url: str) -> None:
    names = Names(mcp_example_com=["93.184.216.34"], inside_example_com=["10.0.0.1", "169.254.169.254"])
    with pytest.raises(NotFetched):
        await Fetcher(PUBLIC_HOME, names)(get(url))


async def test_of_a_name_only_the_addresses_that_may_be_dialled_are() -> None:
    names = Names(mcp_example_com=["93.184.216.34"], mixed_example_com=["10.0.0.1", "93.184.216.35"])
    assert await Fetcher(PUBLIC_HOME, names).addresses("mixed.example.com") == ["93.184.216.35"]


async def test_a_server_in_a_private_network_may_have_its_sign_in_there() -> None:
    names = Names(mcp_corp_example=["10.1.2.3"], sso_corp_example=["10.1.2.4"])
    assert await Fetcher("https://mcp.corp.example/mcp", names).addresses("sso.corp.example") == ["10.1.2.4"]


async def test_answers_are_bounded_redirects_are_not_followed_and_nothing_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.path)
        if request.path == "/moved":
            return web.Response(status=302, headers={"location": "/large", "set-cookie": "a=b"})
        if request.path == "/packed":
            return web.Response(body=gzip.compress(b"x" * 10_000), headers={"Content-Encoding": "gzip"})
        assert request.headers["Accept-Encoding"] == "identity"
        return web.Response(text="x" * 2_000)

    app = web.Application()
    app.router.add_get("/{path}", answer)
    async with asyncio.timeout(30), TestServer(app) as server:
        home = str(server.make_url("/mcp"))
        fetch = Fetcher(home, Names())
        got = await fetch(get(str(server.make_url("/moved"))))
        assert (got.status, seen) == (302, ["/moved"])
        assert len((await fetch(get(str(server.make_url("/large"))))).body) == 2_000
        with pytest.raises(NotFetched, match="packed, unasked"):
            await fetch(get(str(server.make_url("/packed"))))
        monkeypatch.setattr(fetching, "LARGEST", 1_000)
        with pytest.raises(NotFetched, match="more than 1000 bytes"):
            await fetch(get(str(server.make_url("/large"))))
    with pytest.raises(NotFetched, match="cannot be reached"):
        await fetch(get(home))

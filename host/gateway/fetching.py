"""Requests of a sign-in. Their addresses come from the server and whom it names, so they are judged before they are dialled.

What is dialled is public, unless the server that the configuration names is not: then it is on the same private network as
those it sends to. The very address that was judged is dialled.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from host.gateway.egress import Reach, is_global
from host.ports import door

LARGEST = 1_000_000  # bytes of one answer
DEADLINE = 30.0  # s for one request
HERE = ("localhost", "127.0.0.1", "::1")


class NotFetched(Exception):
    """The text says why, for people."""


@dataclass(frozen=True, slots=True)
class Asked:
    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Got:
    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


Fetch = Callable[[Asked], Awaitable[Got]]


def is_private_line(url: str) -> bool:
    """Whether nobody on the way can read what is sent there."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in HERE)


class Fetcher:
    """For the sign-in at one server."""

    def __init__(self, home: str, reach: Reach) -> None:
        self._home = urlsplit(home).hostname or ""
        self._reach = reach

    async def __call__(self, asked: Asked) -> Got:
        """Raises `NotFetched`. Follows no redirect."""
        host = urlsplit(asked.url).hostname or ""
        if not is_private_line(asked.url):
            raise NotFetched(f"a secret would go to {host[:100]} without encryption")
        connector = aiohttp.TCPConnector(resolver=_Judge(self), force_close=True)
        # Addresses that are written out are not resolved, so they are judged here.
        if _is_written_out(host) and not await self.may_dial(host, host):
            raise NotFetched(f"{host[:100]} is no public address")
        timeout = aiohttp.ClientTimeout(total=DEADLINE)
        try:
            async with (
                aiohttp.ClientSession(
                    connector=connector,
                    timeout=timeout,
                    cookie_jar=aiohttp.DummyCookieJar(),
                    auto_decompress=False,
                ) as client,
                client.request(
                    asked.method,
                    asked.url,
                    headers=_own(asked.headers),
                    data=asked.body or None,
                    allow_redirects=False,
                ) as answer,
            ):
                if door.is_packed(answer):  # little grows to much, in the loop of all
                    raise NotFetched(f"{host[:100]} answers with what is packed, unasked")
                body = await answer.content.read(LARGEST + 1)
                while len(body) <= LARGEST and (more := await answer.content.read(LARGEST)):
                    body += more
                if len(body) > LARGEST:
                    raise NotFetched(f"{host[:100]} answers with more than {LARGEST} bytes")
                headers = {n: v for n, v in answer.headers.items() if n.lower() != "content-length"}
                return Got(answer.status, headers, body)
        except (aiohttp.ClientError, OSError, ValueError) as error:  # a timeout is an OSError
            raise NotFetched(f"{host[:100]} cannot be reached") from error

    async def may_dial(self, host: str, address: str) -> bool:
        if host == self._home or is_global(address):
            return True
        mine = [self._home] if _is_written_out(self._home) else await self._reach.addresses(self._home)
        return bool(mine) and not any(map(is_global, mine))

    async def addresses(self, host: str) -> list[str]:
        """Raises `OSError`."""
        return [found for found in await self._reach.addresses(host) if await self.may_dial(host, found)]


class _Judge(AbstractResolver):
    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        found = await self._fetcher.addresses(host)
        if not found:
            raise OSError(f"{host} has no address that may be dialled")
        return [_result(host, address, port) for address in found]

    async def close(self) -> None:
        return


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    return ResolveResult(
        hostname=host, host=address, port=port, family=family, proto=0, flags=socket.AI_NUMERICHOST
    )


def _is_written_out(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _own(headers: Mapping[str, str]) -> dict[str, str]:
    """Without what is the client's to say; answers are wanted as they are."""
    kept = {
        name: value
        for name, value in headers.items()
        if name.lower() not in ("content-length", "host", "connection", "accept-encoding")
    }
    return {**kept, "Accept-Encoding": "identity"}

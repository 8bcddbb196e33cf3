"""`dovecote mcp`: sign-ins at MCP servers on the web from a terminal, beside a running host or without one."""

from __future__ import annotations

import asyncio
import contextlib
import getpass
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import aiohttp
from rich.table import Table
from rich.text import Text

from host.config import Config, tidied
from host.folders.seal import Seal, SealError
from host.gateway.egress import Internet
from host.gateway.fetching import Fetcher, NotFetched, is_private_line
from host.gateway.landing import Landing, SignInFailed
from host.governance import audit
from host.governance.access import LOCAL
from host.intake.pages import pasted_in
from host.ports.events import Author, Viewer
from host.ports.findings import Finding
from host.ports.printing import SafeConsole
from host.registry import logins
from host.registry.db import beside, open_registry
from sessiondb import Address, SessionError
from sessiondb.options import McpServer, Options

LINK_LIVES = 900.0  # s
PROBE = 15.0  # s for one server

_out = SafeConsole()


class McpError(Exception):
    """The text is one line for whoever sits at the terminal."""


def forget(settings: Config, agent: str, name: str) -> None:
    """Raises `SessionError`."""
    with beside(_registry(settings)) as connection:
        found = logins.forget(connection, agent, name)
        if found:
            audit.record(connection, _operator(), "mcp_logout", f"{agent} {name}", _now())
    _out.print(Text(f"{name}: {'forgotten' if found else 'nobody had signed in'}"))


def show(settings: Config) -> None:
    table = Table("agent", "server", "where", "state")
    for agent, one in settings.agents.items():
        for name, server in Options.of(one.options).mcp.items():
            state = asyncio.run(_looked(settings, agent, name, server)) if server.url else None
            where = server.url or server.command
            table.add_row(
                Text(agent), Text(name), Text(where), Text(state.seen if state else "in the container")
            )
    _out.print(table if table.rows else "No agent has an MCP server.")


async def sign_in(config: Config, agent: str, name: str, say: Callable[[str], None]) -> None:
    """Raises `McpError`, `SessionError`."""
    server = _server(config, agent, name)
    registry = _registry(config)
    from host.gateway import oauth

    async def show(url: str) -> None:
        say(
            f"Open this page and agree there:\n\n{url}\n\nIf the page after it does not load, paste its address here."
        )

    try:
        async with asyncio.timeout(LINK_LIVES), Landing(show) as landing:
            with _typed(lambda line: landing.arrived(pasted_in(line))):
                login = await oauth.sign_in(agent, name, server.url, landing, Fetcher(server.url, Internet()))
        sealed = logins.sealed(Seal(Path(config.data), os.environ), login)
    except (SignInFailed, NotFetched, SealError) as error:
        raise McpError(f"{name}: {error}") from error
    except TimeoutError as error:
        raise McpError(f"{name}: nobody agreed in {LINK_LIVES / 60:.0f} minutes") from error
    with beside(registry) as connection:
        logins.keep(connection, login, sealed, _now())
        audit.record(connection, _operator(), "mcp_login", f"{agent} {name}", _now())
    say(f"Signed in: agent {agent} can use {name}.")


async def look(config: Config) -> list[Finding]:
    """For the doctor: each server of each agent, side by side."""
    found: list[Finding] = []
    asked = []
    for agent, one in config.agents.items():
        for name, server in Options.of(one.options).mcp.items():
            if server.url:
                asked.append(_looked(config, agent, name, server))
            else:
                seen = f"{server.command}, in the containers of agent {agent}"
                found.append(Finding(f"MCP server {name}", True, seen))
    return [*found, *await asyncio.gather(*asked)]


async def _looked(config: Config, agent: str, name: str, server: McpServer) -> Finding:
    what = f"MCP server {name}"
    secret = tidied(os.environ).get(server.secret_env, "").strip() if server.secret_env else ""
    if server.secret_env and not secret:
        return Finding(what, False, f"the environment has no {server.secret_env}", f"Set {server.secret_env}")
    if secret and not is_private_line(server.url):
        return Finding(
            what, False, "its secret would go there without encryption", "Give it a url with https"
        )
    headers = {server.header: f"Bearer {secret}" if server.header.lower() == "authorization" else secret}
    if not server.secret_env:
        try:
            held = _login(config, agent, name, server)
        except SealError as error:
            return Finding(what, False, str(error), f"Run `dovecote mcp login {name} --agent {agent}`")
        if held is not None and held.expires_at and held.expires_at < time.time():
            return Finding(what, True, "signed in; the token is renewed when it is needed")
        headers = {"Authorization": f"Bearer {held.token}"} if held is not None else {}
    found = _judged(what, agent, name, server, await _status(server.url, headers), signed_in=bool(headers))
    own = ", ".join(_own(config, agent, name))
    return replace(found, seen=f"{found.seen}; signed in by workspace {own} for itself") if own else found


def _judged(what: str, agent: str, name: str, server: McpServer, status: int, *, signed_in: bool) -> Finding:
    if status == 0 or status >= 500:
        seen = f"it fails with status {status}" if status else "it cannot be reached"
        return Finding(what, False, f"{seen}: {server.url}", "See whether it runs and its url is right")
    if status in (401, 403) and server.secret_env:
        return Finding(
            what, False, f"it refuses what {server.secret_env} holds", f"Put {server.secret_env} right"
        )
    if status in (401, 403):
        login = f"Run `dovecote mcp login {name} --agent {agent}`; else an owner is asked when it is needed"
        return Finding(what, not signed_in, "it asks for a sign-in" + (" again" if signed_in else ""), login)
    return Finding(what, True, f"{server.url} answers")


async def _status(url: str, headers: dict[str, str]) -> int:
    """0 where it cannot be reached."""
    hello = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": "doctor", "version": "1"},
        },
    }
    accept = {"accept": "application/json, text/event-stream"}
    timeout = aiohttp.ClientTimeout(total=PROBE)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as client,
            client.post(url, json=hello, headers={**accept, **headers}, allow_redirects=False) as answer,
        ):
            return answer.status
    except (aiohttp.ClientError, OSError):  # a timeout is an OSError
        return 0


def _own(config: Config, agent: str, name: str) -> list[str]:
    """Workspaces whose owners signed in."""
    try:
        with contextlib.closing(open_registry(Path(config.data))) as registry:
            return logins.workspaces(registry, agent, name)
    except SessionError:
        return []


def _login(config: Config, agent: str, name: str, server: McpServer) -> logins.Login | None:
    """Raises `SealError`."""
    data = Path(config.data)
    try:
        with contextlib.closing(open_registry(data)) as registry:
            found = logins.load(registry, agent, name, "")
    except SessionError:
        return None  # no host has run yet
    return None if found is None else logins.opened(Seal(data, os.environ), found, agent, name, server.url)


def _server(config: Config, agent: str, name: str) -> McpServer:
    """Raises `McpError`."""
    if agent not in config.agents:
        raise McpError(f"there is no agent {agent!r} (known: {', '.join(config.agents)})")
    found = Options.of(config.agents[agent].options).mcp
    if name not in found:
        raise McpError(f"agent {agent} has no MCP server {name!r} (known: {', '.join(found) or 'none'})")
    server = found[name]
    if not server.url:
        raise McpError(f"{name} runs in the container: there is nothing to sign in at")
    if server.secret_env:
        raise McpError(f"{name} is sent what {server.secret_env} holds: there is nothing to sign in at")
    if not is_private_line(server.url):
        raise McpError(f"{name} needs a url that begins with https")
    return server


def _registry(config: Config) -> Path:
    """host.db, of this version. Raises `SessionError`."""
    path = Path(config.data) / "host.db"
    with beside(path):
        return path


@contextlib.contextmanager
def _typed(heard: Callable[[str], object]) -> Iterator[None]:
    """Each line that is typed or piped in, where the input can be waited for."""
    loop, left = asyncio.get_running_loop(), b""

    def read() -> None:
        nonlocal left
        data = os.read(sys.stdin.fileno(), 65_536)
        if not data:
            loop.remove_reader(sys.stdin)
        *lines, left = (left + data).split(b"\n") if data else (left, b"")
        for line in lines:
            heard(line.decode("utf-8", "replace"))

    try:
        loop.add_reader(sys.stdin, read)
    except (OSError, ValueError):  # a file, or nothing at all
        yield
        return
    try:
        yield
    finally:
        loop.remove_reader(sys.stdin)


def _operator() -> Viewer:
    user = getpass.getuser()
    return Viewer(Author(user, user), Address(LOCAL, "local", ""), "dm")


def _now() -> int:
    return time.time_ns() // 1_000_000

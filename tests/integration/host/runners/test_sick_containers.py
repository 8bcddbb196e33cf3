"""A container that the engine cannot tell of: the others are seen to end all the same."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from host.config import Runner as Settings
from host.runners.launch.docker import LONGEST_HELD, MOST_UNREAD, DockerLauncher, DockerRunner
from host.runners.launch.echo import TAIL

PATIENCE = 30.0  # s


class Engine:
    """Two containers, both ended; about one of them it answers what engines answer when a layer is missing."""

    def __init__(self) -> None:
        self.removed: set[str] = set()
        self.paused: set[str] = set()
        self.let_go: set[str] = set()
        self.asked = 0
        self.tails: list[str] = []

    def container(self, name: str) -> dict[str, Any]:
        labels = {"dovecote.session": name, "dovecote.incarnation": "i", "dovecote.log": self.log}
        return {
            "Id": name,
            "Names": [f"/{name}"],
            "State": "paused" if name in self.paused - self.let_go else "exited",
            "Labels": labels,
        }

    async def handle(self, request: web.Request) -> web.Response:
        path, name = request.path, request.path.split("/")[-2 if request.path.endswith("json") else -1]
        if path.endswith("/containers/json"):
            listed = [self.container(name) for name in ("sick", "well") if name not in self.removed]
            return web.json_response(listed)
        if path.endswith("/unpause"):
            self.let_go.add(path.split("/")[-2])
            return web.Response(status=204)
        if path.endswith("/version"):
            return web.json_response({"ApiVersion": "1.41"})
        if "sick" in path:
            self.asked += 1
            return web.json_response({"message": "layer does not exist"}, status=self.status)
        if path.endswith("/logs"):
            self.tails.append(request.query["tail"])
            return web.Response(body=self.printed)
        if path.endswith("/json"):
            return web.json_response({"Id": name, "State": {"ExitCode": 0}, "Config": {"Tty": True}})
        if request.method == "DELETE":
            self.removed.add(name)
            return web.Response(status=204)
        return web.Response(body=b"")

    log = ""
    status = 500
    printed = b""


@asynccontextmanager
async def engine(folder: Path) -> AsyncIterator[tuple[Engine, DockerLauncher]]:
    fake = Engine()
    fake.log = str(folder / "runner.log")
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", fake.handle)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.UnixSite(runner, str(folder / "e.sock"))
    await site.start()
    launcher = DockerLauncher(Settings(engine=f"unix://{folder}/e.sock"))
    try:
        yield fake, launcher
    finally:
        await launcher.close()
        await runner.cleanup()


@pytest.mark.parametrize("status", [500, 200])
async def test_one_container_that_cannot_be_read_hides_the_end_of_no_other(
    tmp_path: Path, status: int
) -> None:
    """audit_docker; 200: an engine that tells of it what no library expects."""
    async with engine(tmp_path) as (fake, launcher):
        fake.status = status
        found = {name: DockerRunner(name, name, fake.container(name)["Labels"]) for name in ("sick", "well")}
        for name, known in found.items():
            launcher._runners[name] = known
            launcher._names[name] += 1
        await launcher._look("installation")
        async with asyncio.timeout(PATIENCE):
            assert await found["well"].wait() == 0
        assert not found["sick"].ended.done(), "the engine may only be busy"
        for _ in range(MOST_UNREAD):
            await launcher._look("installation")
        async with asyncio.timeout(PATIENCE):
            assert await found["sick"].wait() < 0
        assert json.dumps(sorted(fake.removed)) == '["well"]'


async def test_what_a_container_prints_is_heard_while_it_lives_and_once_when_it_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    async with engine(tmp_path) as (fake, launcher):
        runner = DockerRunner("well", "well", fake.container("well")["Labels"])
        launcher._runners["well"], launcher._names["well"] = runner, 1
        fake.printed = b"2026-11-28T17:00:00.000000000Z INFO runner: begun\n"
        await launcher._call(launcher._hear, runner)
        fake.printed += b"2026-11-28T17:00:00.500000000Z ERROR runner: no more\n"
        await launcher._look("installation")
        assert await runner.wait() == 0
    said = [record for record in caplog.records if getattr(record, "action", "") == "runner"]
    assert [record.said for record in said] == ["INFO runner: begun", "ERROR runner: no more"]  # type: ignore[attr-defined]
    assert {(record.session, record.runner) for record in said} == {("well", "i")}  # type: ignore[attr-defined]
    assert fake.tails[0] == str(TAIL)  # however much there is
    assert b"no more" in Path(fake.log).read_bytes()


async def test_a_container_that_somebody_left_paused_is_let_go_and_no_stray(tmp_path: Path) -> None:
    async with engine(tmp_path) as (fake, launcher):
        fake.paused = {"well", "sick"}
        forgotten, held = (
            DockerRunner(name, name, fake.container(name)["Labels"]) for name in ("well", "sick")
        )
        for known in (forgotten, held):
            launcher._runners[known.name], launcher._names[known.name] = known, 1
        held.held_at = asyncio.get_running_loop().time()
        forgotten.held_at = held.held_at - LONGEST_HELD - 1
        await launcher._look("installation")

    assert fake.let_go == {"well"}
    assert not fake.removed
    assert not forgotten.ended.done()

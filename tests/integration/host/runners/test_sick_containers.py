"""A container that the engine cannot tell of: the others are seen to end all the same."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from aiohttp import web

from host.config import Runner as Settings
from host.runners.launch.docker import MOST_UNREAD, DockerLauncher, DockerRunner

PATIENCE = 30.0  # s


class Engine:
    """Two containers, both ended; about one of them it answers what engines answer when a layer is missing."""

    def __init__(self) -> None:
        self.removed: set[str] = set()
        self.asked = 0

    def container(self, name: str) -> dict[str, Any]:
        labels = {"dovecote.session": name, "dovecote.incarnation": "i", "dovecote.log": self.log}
        return {"Id": name, "Names": [f"/{name}"], "State": "exited", "Labels": labels}

    async def handle(self, request: web.Request) -> web.Response:
        path, name = request.path, request.path.split("/")[-2 if request.path.endswith("json") else -1]
        if path.endswith("/containers/json"):
            listed = [self.container(name) for name in ("sick", "well") if name not in self.removed]
            return web.json_response(listed)
        if path.endswith("/version"):
            return web.json_response({"ApiVersion": "1.41"})
        if "sick" in path:
            self.asked += 1
            return web.json_response({"message": "layer does not exist"}, status=500)
        if path.endswith("/json"):
            return web.json_response({"Id": name, "State": {"ExitCode": 0}, "Config": {"Tty": True}})
        if request.method == "DELETE":
            self.removed.add(name)
            return web.Response(status=204)
        return web.Response(body=b"")

    log = ""


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


async def test_one_container_that_cannot_be_read_hides_the_end_of_no_other(tmp_path: Path) -> None:
    async with engine(tmp_path) as (fake, launcher):
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

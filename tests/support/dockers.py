"""A host whose runners live in containers of the real engine (PYTEST_DONT_REWRITE: no test itself)."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import apsw
import pytest
from docker.models.containers import Container

from host.app import Host
from host.config import Config
from host.runners.launch.docker import DockerLauncher
from tests.fakes.platform import MemoryBot
from tests.support.engine import Installation, require_engine
from tests.support.hosting import config, serving


def docker_config(data: Path, image: str, **sections: Any) -> Config:
    runner = {"launcher": "docker", "image": image, **sections.pop("runner", {})}
    return config(data, runner=runner, **sections)


def installation_of(data: Path) -> str:
    """The id that the host of this folder minted."""
    connection = apsw.Connection(str(data / "host.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        connection.set_busy_timeout(
            10_000
        )  # a host that follows one which was killed has it to itself for a moment
        return str(connection.execute("SELECT value FROM meta WHERE key = 'installation'").get)
    finally:
        connection.close()


def containers_of(data: Path, image: str) -> list[Container]:
    return Installation(require_engine(), image, installation_of(data)).containers()


def clean_up(data: Path, image: str) -> None:
    with contextlib.suppress(apsw.CantOpenError):
        Installation(require_engine(), image, installation_of(data)).remove()


def left_out(monkeypatch: pytest.MonkeyPatch, more: Mapping[str, str] | None = None, **options: Any) -> None:
    """From now on containers are made with these options in place of the launcher's own, without those that are None.

    `more` is added to the environment, and `mounts` to the folders that the container sees, all of which it may then write.
    """
    given, mounts = DockerLauncher._options, options.pop("mounts", [])

    def made(self: DockerLauncher, *args: Any) -> dict[str, Any]:
        own = given(self, *args)
        own["environment"] = {**own["environment"], **(more or {})}
        if mounts:
            own["mounts"] = [{**mount, "ReadOnly": False} for mount in (*own["mounts"], *mounts)]
        return {name: value for name, value in {**own, **options}.items() if value is not None}

    monkeypatch.setattr(DockerLauncher, "_options", made)


@asynccontextmanager
async def docker_serving(
    settings: Config, bot: MemoryBot | None = None, **parts: Any
) -> AsyncIterator[tuple[Host, MemoryBot]]:
    Path(settings.data).mkdir(exist_ok=True)
    launcher = DockerLauncher(settings.runner)
    try:
        async with serving(settings, bot, launcher, **parts) as running:
            yield running
    finally:
        clean_up(Path(settings.data), settings.runner.image)

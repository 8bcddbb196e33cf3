"""The runner talks to the model through the gateway's socket, and holds no key."""

from __future__ import annotations

from pathlib import Path

from host.runners.launch.process import ProcessLauncher
from tests.fakes.model_api import FakeModelAPI
from tests.support.talking import talking


async def test_the_gateway_adds_the_key_that_no_runner_holds(api: FakeModelAPI, tmp_path: Path) -> None:
    deep = tmp_path / (
        "a-folder-whose-name-is-long" * 4
    )  # the socket's path is longer than an address may be
    deep.mkdir()
    async with talking(api, deep, launcher=ProcessLauncher()) as talk:
        assert "through the wall" in await talk.ask("through the wall")
        pids = talk.runner_pids()
        environments = [Path(f"/proc/{pid}/environ").read_bytes() for pid in pids]
    assert environments
    assert all(api.key.encode() not in environment for environment in environments)
    assert api.requests[0].headers["x-api-key"] == api.key
    assert "authorization" not in {name.lower() for name in api.requests[0].headers}

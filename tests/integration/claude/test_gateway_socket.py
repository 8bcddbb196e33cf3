"""Where a gateway stands in front of the model, the runner talks to its socket and holds no key."""

from __future__ import annotations

from pathlib import Path

import pytest

from host.launch.base import RunnerSpec
from host.launch.process import ProcessLauncher, ProcessRunner
from tests.fakes.model_api import FakeModelAPI
from tests.fakes.platform import MemoryBot
from tests.hosting import config, serving


class WithGateway(ProcessLauncher):
    """Puts a model API on the session's socket before its runner starts."""

    api: FakeModelAPI
    environment = b""

    async def start(self, spec: RunnerSpec) -> ProcessRunner:
        self.api = FakeModelAPI(keys=["dovecote"], unix_socket=spec.folder.gateway_socket)
        await self.api.start()
        runner = await super().start(spec)
        self.environment = Path(f"/proc/{runner.process.pid}/environ").read_bytes()
        return runner


async def test_requests_go_through_the_socket_and_no_key_is_in_the_runner(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-secret")
    monkeypatch.setenv("DOVECOTE_MODEL_URL", "http://127.0.0.1:1")
    launcher = WithGateway()
    settings = config(tmp_path_factory.mktemp("g"), agents={"default": {"provider": "claude"}})
    async with serving(settings, MemoryBot(), launcher) as (_, bot):
        await bot.say("c", "through the wall")
        await bot.until(lambda: len(bot.said("c")) == 1)
        assert "through the wall" in bot.said("c")[0]
        await launcher.api.stop()
    assert launcher.api.requests[0].headers["host"] == "gateway"
    assert b"sk-secret" not in launcher.environment
    assert b"DOVECOTE_MODEL_URL" not in launcher.environment

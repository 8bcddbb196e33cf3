"""A launcher that starts nothing: it records what it was asked, and fails as told."""

from __future__ import annotations

import asyncio
from collections import deque

from host.runners.launch.base import LaunchError, Runner, RunnerSpec


class FakeRunner:
    def __init__(self, spec: RunnerSpec) -> None:
        self.session_id = spec.session_id
        self.incarnation = spec.incarnation
        self.outline = spec.outline
        self.held = False
        self.spec = spec
        self.ended: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def wait(self) -> int:
        return await asyncio.shield(self.ended)

    def end(self, code: int = 0) -> None:
        if not self.ended.done():
            self.ended.set_result(code)


class FakeLauncher:
    def __init__(self) -> None:
        self.started: list[FakeRunner] = []
        self.maintained: list[str] = []
        self._failures: dict[str, deque[LaunchError]] = {
            "start": deque(),
            "maintain": deque(),
            "reconcile": deque(),
            "hold": deque(),
            "let_go": deque(),
        }
        self.changed = asyncio.Event()

    def fail_next(self, what: str, reason: str = "told to fail", *, transient: bool = True) -> None:
        self._failures[what].append(LaunchError(reason, transient=transient))

    async def start(self, spec: RunnerSpec) -> FakeRunner:
        self._maybe_fail("start")
        runner = FakeRunner(spec)
        self.started.append(runner)
        self.changed.set()
        return runner

    async def stop(self, runner: Runner, grace: float) -> None:
        assert isinstance(runner, FakeRunner)  # noqa: S101 - made by this launcher
        runner.end(0)

    async def first_process(self, runner: Runner) -> int:
        return 0

    async def hold(self, runner: Runner) -> None:
        runner.held = True
        self._maybe_fail("hold")
        self.changed.set()

    async def let_go(self, runner: Runner) -> None:
        self._maybe_fail("let_go")
        runner.held = False
        self.changed.set()

    async def reconcile(self, installation: str, node: str = "") -> list[Runner]:
        self._maybe_fail("reconcile")
        return [runner for runner in self.started if not runner.ended.done()]

    async def maintain(self, spec: RunnerSpec, *, delivered_up_to: int, older_than: int) -> None:
        self._maybe_fail("maintain")
        self.maintained.append(spec.session_id)

    async def close(self) -> None:
        return

    def _maybe_fail(self, what: str) -> None:
        if self._failures[what]:
            raise self._failures[what].popleft()

"""The port to whatever runs runners, and its errors.

LaunchError(.transient)   the runner could not be started; transient ones are tried again, others need an operator
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from sessiondb import SessionFolder


class LaunchError(Exception):
    def __init__(self, reason: str, *, transient: bool, code: int = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.transient = transient
        self.code = code  # with which a maintenance ended


@dataclass(frozen=True, slots=True)
class RunnerSpec:
    """One life of a runner, committed to inbound.db before it starts (law 10)."""

    installation: str
    session_id: str
    incarnation: str
    folder: SessionFolder
    shared: Path  # what the conversations of its privacy scope keep together: data, never a working folder
    environment: dict[str, str]  # DOVECOTE_*, nothing secret; paths are the launcher's to set
    log: Path
    outline: str = ""  # what it is told and shown, in short: a later life of the host knows by it whether that still holds
    agent: Path | None = None  # the agent's folder, shown read-only
    files: Mapping[str, Path] = field(
        default_factory=dict
    )  # path in the container → file shown there, read-only
    node: str = (
        ""  # whose it is of those that share the installation, perhaps a machine too; '' where there is one
    )


class Runner(Protocol):
    session_id: str
    incarnation: str
    outline: str  # of the spec it was started by
    held: bool  # perhaps none of its processes runs, by the host's order: it shows no life meanwhile

    async def wait(self) -> int:
        """Returns the exit code once the end is confirmed; negative for a signal."""


class Launcher(Protocol):
    async def start(self, spec: RunnerSpec) -> Runner:
        """Raises `LaunchError`."""

    async def stop(self, runner: Runner, grace: float) -> None:
        """Asks it to end, and after `grace` seconds makes it. Returns when the end is confirmed."""

    async def first_process(self, runner: Runner) -> int:
        """The pid, as this machine counts, of the first process in the runner's container; 0 where none is to be seen.

        Raises `LaunchError`.
        """

    async def hold(self, runner: Runner) -> None:
        """None of its processes runs until it is let go. One that has ended, or is being stopped, stays so.

        Raises `LaunchError`; then it may be held or not.
        """

    async def let_go(self, runner: Runner) -> None:
        """Raises `LaunchError`."""

    async def reconcile(self, installation: str, node: str = "") -> list[Runner]:
        """Runners of this node that live from before and are adopted; those that cannot be are stopped.

        Never touches another installation's, nor another node's. Raises `LaunchError`.
        """

    async def maintain(self, spec: RunnerSpec, *, delivered_up_to: int, older_than: int) -> None:
        """Runs `runner --maintain` for a session without a live runner. Raises `LaunchError`."""

    async def close(self) -> None: ...

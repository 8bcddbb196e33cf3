"""Where everything of a session lies; see `SessionFolder`."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

RUNNERS_OWN = (
    ".dovecote"  # in a workspace: what commands print, while they run and where it was too long to be shown
)


@dataclass(frozen=True)
class SessionFolder:
    """The folder of one session. `root` is `data/sessions/<session_id>` on the host, `/session` in a container.

    The paths that each round trip names several times are put together once.
    """

    root: Path

    @property
    def inbound(self) -> Path:
        return self.root / "inbound"

    @property
    def outbound(self) -> Path:
        return self.root / "outbound"

    @property
    def gateway(self) -> Path:
        return self.root / "gateway"

    @functools.cached_property
    def inbound_db(self) -> Path:
        return self.inbound / "inbound.db"

    @functools.cached_property
    def outbound_db(self) -> Path:
        return self.outbound / "outbound.db"

    @property
    def lease(self) -> Path:
        """Until when the session is this machine's, where another may take it over; see `lease`."""
        return self.inbound / "lease"

    @property
    def inbound_files(self) -> Path:
        return self.inbound / "files"

    @functools.cached_property
    def outbound_files(self) -> Path:
        return self.outbound / "files"

    @property
    def heartbeat(self) -> Path:
        return self.outbound / "heartbeat"

    @property
    def progress(self) -> Path:
        return self.outbound / "progress.json"

    @property
    def refusal(self) -> Path:
        """Why a runner ended with `NOT_SET_UP`: one sentence for people."""
        return self.outbound / "refusal.txt"

    @property
    def runner_lock(self) -> Path:
        return self.outbound / "runner.lock"

    @property
    def gateway_socket(self) -> Path:
        return self.gateway / "gateway.sock"

    @property
    def vault(self) -> Path:
        """What a credential vault gives to the container: placeholders and certificates."""
        return self.gateway / "vault"

    @property
    def bell_to_runner(self) -> Path:
        return self.gateway / "to-runner.bell"

    @property
    def bell_to_host(self) -> Path:
        return self.gateway / "to-host.bell"

    @property
    def work(self) -> Path:
        """The working folder of this conversation and of no other; `/workspace` in a container."""
        return self.root / "work"

    def create(self) -> None:
        """Makes the folders the host makes; files appear when their writers open them."""
        for folder in (self.inbound_files, self.outbound_files, self.gateway, self.work):
            folder.mkdir(parents=True, exist_ok=True)

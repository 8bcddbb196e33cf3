"""What a launcher is asked to start: a session whose file says so."""

from __future__ import annotations

import json
from pathlib import Path

from host.mailbox.inbound import InboundWriter
from host.runners.launch.base import RunnerSpec
from sessiondb import SessionFolder
from sessiondb.signals import Bell


def spec(tmp_path: Path, installation: str = "test-installation") -> RunnerSpec:
    folder = SessionFolder(tmp_path / "session")
    folder.create()
    for bell in (folder.bell_to_host, folder.bell_to_runner):
        Bell.make(bell)
    writer = InboundWriter(folder.inbound_db, lambda: 1)
    with writer.writing():
        writer.set_value("incarnation", "one")
    writer.close()
    environment = {"DOVECOTE_AGENT": json.dumps({"name": "default"})}
    return RunnerSpec(installation, "s1", "one", folder, tmp_path, environment, tmp_path / "runner.log")

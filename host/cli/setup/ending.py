"""How a set-up ends: in a running host, or with one sentence; never in a traceback."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

from host.cli import run as running
from host.cli.options import config_of
from host.cli.setup import flow
from host.cli.setup.desk import Wanted
from host.ports.setup import SetUpFailed

STOPPED = 130


def in_a_host(path: Path | None, wanted: Wanted, out: Console, *, ask: bool) -> None:
    try:
        config = flow.run(path, wanted, out, ask=ask)
    except SetUpFailed as failed:
        out.print(Text.assemble(("✗ ", "bold red"), str(failed)), soft_wrap=True)
        sys.exit(1)
    except (KeyboardInterrupt, EOFError):
        out.print(Text("\nStopped. What was found out so far is kept; run it again to go on."))
        sys.exit(STOPPED)
    if config is None:
        out.print(Text("Start it with `dovecote up`."))
        return
    out.print(Text("Starting. Ctrl-C ends it; from now on `dovecote up` is enough.\n"))
    running.run(config, ["slack", "discord"], log_file=None, again=lambda: config_of(path))

"""How a command ends when something is wrong: in words, with an exit code, without a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

from host.folders import modes

TRACEBACK = "DOVECOTE_TRACEBACK"  # set in the environment: a fault of ours shows where it is
PROMISED = 2  # exit code for what a person can cure
OURS = 70  # for what only a change of Dovecote can (EX_SOFTWARE)


class NothingFoundError(Exception):
    """The records know nothing by that name."""


def kept(command: Callable[[], None], complain: Callable[[str], None]) -> None:
    """Runs a command to its end, whatever that is."""
    modes.keep_private()
    try:
        command()
        sys.stdout.flush()
    except BrokenPipeError:  # `dovecote sessions | head`: nobody reads any more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if os.environ.get(TRACEBACK) == "1":
            raise
        code, said = _worded(error)
        complain(said)
        sys.exit(code)


def _worded(error: Exception) -> tuple[int, str]:
    from host.cli.mcp import McpError
    from host.cli.run import CannotStart
    from host.cli.send import SendError
    from host.config import ConfigError
    from host.config.recurrence import ScheduleError
    from host.folders.lock import DataFolderError
    from host.ports import faults
    from host.ports.bot import BotConfigError, BotStuck
    from host.upkeep.backups.making import BackupError
    from host.web import WebError
    from host.webhooks import WebhookError
    from sessiondb.errors import SQLITE, SessionError

    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    curable = (
        ConfigError,
        DataFolderError,
        BotConfigError,
        BotStuck,
        WebError,
        WebhookError,
        CannotStart,
        SessionError,
    )
    if isinstance(
        error, (*curable, BackupError, ScheduleError, McpError, NothingFoundError, SendError, OSError, SQLITE)
    ):
        return PROMISED, faults.of(error)
    what = f"{type(error).__name__}: {error}"[:300]
    return OURS, f"a fault of Dovecote's own, {what}. Please report it; {TRACEBACK}=1 shows where it is."

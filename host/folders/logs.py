"""Logging: a sentence plus fields, as text for people or JSON for machines."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import re
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import structlog
from structlog.typing import EventDict, ExcInfo, WrappedLogger

_ODD = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]"
)  # ends or turns a line, drives a terminal

LARGEST = 5_000_000  # bytes of one log file
KEPT = 3  # older ones


def set_up(*, file: Path | None, level: str = "INFO", json: bool = False) -> None:
    """To `file` with rotation, or to stderr."""
    handler: logging.Handler = logging.StreamHandler()
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        handler = logging.handlers.RotatingFileHandler(
            file, maxBytes=LARGEST, backupCount=KEPT, encoding="utf-8"
        )
    renderer = (
        structlog.processors.JSONRenderer()
        if json
        # Plain tracebacks: the pretty ones print every local variable, tokens and messages among them.
        else structlog.dev.ConsoleRenderer(
            colors=file is None and sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(_traceback),
                _one_line,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)


def rewrite(folder: Path, changed: Callable[[str], str]) -> None:
    """Every log file there, also the one that is being written: whoever logs meanwhile waits. Raises `OSError`."""
    with contextlib.ExitStack() as stack:
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.FileHandler) and Path(handler.baseFilename).parent == folder:
                handler.acquire()
                stack.callback(handler.release)
                handler.close()  # it opens what is in its place by then
        for path in sorted(folder.glob("*.log*")):
            text = path.read_text("utf-8", "surrogateescape")
            if (new := changed(text)) != text:
                beside = path.with_name(f".{path.name}.new")
                beside.write_text(new, "utf-8", "surrogateescape")
                beside.replace(path)


def _one_line(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """What people and programs named, a break in it or a terminal's command, stays a value: it cannot write a line itself."""
    return {
        name: _ODD.sub(_escaped, value) if isinstance(value, str) and name != "exception" else value
        for name, value in event.items()
    }


def _traceback(exc_info: ExcInfo) -> str:
    """As Python prints it, set in: what an error says of itself begins no line of the log and drives no terminal."""
    lines = "".join(traceback.format_exception(*exc_info)).rstrip("\n").split("\n")
    return "\n".join(f"  {_ODD.sub(_escaped, line)}" for line in lines)


def _escaped(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()

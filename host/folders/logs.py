"""Logging: a sentence plus fields, as text for people or JSON for machines."""

from __future__ import annotations

import logging
import logging.handlers
from pathlib import Path

import structlog

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
            colors=file is None, exception_formatter=structlog.dev.plain_traceback
        )
    )
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[
                structlog.stdlib.add_log_level,
                structlog.stdlib.ExtraAdder(),
                structlog.processors.TimeStamper(fmt="iso", utc=True),
            ],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)

"""Changes to scheduled tasks, ordered from a terminal: the running host carries them out, or the next one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import typer
from pydantic import ValidationError

from host.cli import ordering
from host.cli.ending import NothingFoundError
from host.cli.listing import now_ms
from host.config import Config
from host.config.recurrence import ScheduleError
from host.folders import lock
from host.folders.lock import DataLock
from host.registry import orders
from host.registry.db import open_host_db
from host.registry.where import DATABASE, NotYet, noted
from host.schedule import desk
from host.words import as_it_is


def bring_in(settings: Config, file: Path) -> None:
    """Schedules the tasks of an export. Raises `NothingFoundError`, `ScheduleError`."""
    for number, line in enumerate(file.read_text("utf-8").splitlines(), 1):
        if line.strip():
            try:
                add(settings, json.loads(line))
            except json.JSONDecodeError as error:
                raise NothingFoundError(f"{file}, line {number}: not JSON") from error
            except ScheduleError as error:
                raise ScheduleError(as_it_is(f"{file}, line {number}: {error}")) from error


def add(settings: Config, task: dict[str, Any]) -> None:
    """Raises `ScheduleError` for what cannot be, whether a host runs or not; `NotYet` for a database without records."""
    if settings.cluster is not None and not noted(Path(settings.data)):
        raise NotYet(DATABASE, "not there yet: no host has run on this folder")
    try:
        desk.wished(desk.Added.model_validate(task), settings, now_ms())
    except ValidationError as error:
        raise ScheduleError(as_it_is("not a task as `dovecote tasks export` prints it")) from error
    order(Path(settings.data), "add", task)


def order(data: Path, wanted: str, task: object) -> None:
    """Has the running host do it; where none runs, the next one does it first of all."""
    body = json.dumps({"order": wanted, "task": task})
    number, runs = _given(data, body)
    if not runs:
        typer.echo("no host runs here: it will be done when one starts")
        return
    told = ordering.outcome(data, number)
    typer.echo(told)
    if told.startswith(ordering.REFUSED):
        raise typer.Exit(1)


def _given(data: Path, body: str) -> tuple[int, bool]:
    """The order's number, and whether a host runs."""
    runs = lock.held(data)
    if not runs and not noted(data) and not (data / "host.db").exists():
        _make(data)
    return orders.give(data / "host.db", "task", "", now_ms(), body), runs


def _make(data: Path) -> None:
    """Tasks may be brought in before the first start; what is there already only a host brings to a newer version.

    Raises `DataFolderError`, `SessionError`.
    """
    taken = DataLock(data)
    try:
        open_host_db(data / "host.db").close()
    finally:
        taken.release()

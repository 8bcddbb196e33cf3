"""What may be in a log."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from host.folders import logs

SECRET = "xoxb-secret"


@pytest.fixture(autouse=True)
def _root_logger() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def fail_with(token: str) -> None:
    raise RuntimeError(f"refused after {len(token)} characters")


def test_a_traceback_names_the_error_and_no_local_variable(tmp_path: Path) -> None:
    logs.set_up(file=tmp_path / "host.log")
    try:
        fail_with(SECRET)
    except RuntimeError:
        logging.getLogger("test").exception("It broke")
    for handler in logging.getLogger().handlers:
        handler.flush()
    written = (tmp_path / "host.log").read_text()
    assert "refused after 11 characters" in written
    assert SECRET not in written


@pytest.mark.parametrize("json", [False, True])
def test_what_is_named_in_a_line_cannot_begin_another(tmp_path: Path, json: bool) -> None:
    file = tmp_path / "host.log"
    logs.set_up(file=file, json=json)
    forged = "x\n2026-01-01T00:00:00Z [info] Runner started\x1b[2J\u2028y\u202e"
    logging.getLogger("test").info("A hook named %s", forged, extra={"action": "a", "hook": forged})
    for handler in logging.getLogger().handlers:
        handler.flush()
    [line] = file.read_text("utf-8").splitlines()
    assert line.count("Runner started") == 2
    assert not set("\x1b\u2028\u202e") & set(line)


def break_in_words() -> None:
    raise RuntimeError("no such name: x\n2026-01-01T00:00:00Z [info] Runner started\x1b[2J\u202e")


@pytest.mark.parametrize("as_json", [False, True])
def test_what_an_error_says_of_itself_begins_no_line_and_is_told_in_either_format(
    tmp_path: Path, as_json: bool
) -> None:
    file = tmp_path / "host.log"
    logs.set_up(file=file, json=as_json)
    try:
        break_in_words()
    except RuntimeError:
        logging.getLogger("test").exception("It broke", extra={"action": "a"})
    for handler in logging.getLogger().handlers:
        handler.flush()
    first, *more = file.read_text("utf-8").splitlines()
    told = str(json.loads(first)["exception"]).splitlines() if as_json else more
    assert as_json is not bool(more)
    assert all(line.startswith("  ") for line in told)
    assert "in break_in_words" in "".join(told)
    assert "Runner started\\x1b[2J\\u202e" in told[-1]

"""What may be in a log."""

from __future__ import annotations

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

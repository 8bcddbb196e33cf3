"""Hooks of pytest that trace statements: each process begins with its configuration, the first one judges at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.support.statements import Made, Plans, Trace, is_rare, never_run, plain

_trace = Trace()
_problems: list[str] = []


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--statements", action="store_true", help="Look at the plan of every statement that tests run."
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--statements"):
        _trace.begin()


@contextmanager
def untraced() -> Iterator[None]:
    """For statements on connections that are opened meanwhile, and are not the product's."""
    hooks = list(apsw.connection_hooks)
    apsw.connection_hooks.clear()
    try:
        yield
    finally:
        apsw.connection_hooks.extend(hooks)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """A process of pytest-xdist has ended: what it has seen comes here."""
    _trace.hear(Made(*one) for one in getattr(node, "workeroutput", {}).get("statements", ()))


def pytest_sessionfinish(session: pytest.Session) -> None:
    output = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["statements"] = [astuple(made) for made in _trace.seen]
        return
    if not session.config.getoption("--statements"):
        return
    _problems.extend(_scans())
    if _is_whole(session.config) and session.exitstatus == pytest.ExitCode.OK:
        _problems.extend(f"{site}: no test has run this statement" for site in never_run(_trace.seen))
    if _problems and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if _problems:
        terminalreporter.section("statements", red=True)
        for problem in _problems:
            terminalreporter.write_line(problem)


def _scans() -> list[str]:
    where: dict[str, list[str]] = {}
    for made in sorted(_trace.seen):
        where.setdefault(made.sql, []).append(f"{made.path}:{made.line}")
    with tempfile.TemporaryDirectory(prefix="dovecote-plans-") as folder:
        plans = Plans(Path(folder))
        try:
            return [
                f"{', '.join(lines)}: {scan}, of a table that grows: {plain(sql)}"
                for sql, lines in where.items()
                if not is_rare(lines)
                for scan in plans.scans(sql)
            ]
        finally:
            plans.close()


def _is_whole(config: pytest.Config) -> bool:
    """Of a part of the suite nobody can say which statement no test runs."""
    chosen = any(config.getoption(name, None) for name in ("keyword", "markexpr", "lf", "collectonly"))
    return not chosen and list(config.args) == list(config.getini("testpaths"))

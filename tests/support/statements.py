"""Every statement that the product makes while tests run, by the lines that make it; and SQLite's plan for each.

The whole suite is traced, in all processes of pytest, so that a new statement is looked at without anybody thinking of it. What a
plan says does not depend on the rows: without ANALYZE SQLite knows nothing of them.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import apsw
import apsw.ext

from host.registry.db import open_host_db
from sessiondb.connection import open_writer

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("host", "runner", "sessiondb")
IN_SIGHT = (
    "host",
    "sessiondb",
)  # runners are processes of their own: what tests run of them in this one is looked at
CALLS = ("execute", "executemany")
HANDED_ON = (
    "sql",
    "where",
    "statement",
    "condition",
)  # parameters by which a function is given what it makes
DEEPEST = 6  # frames of the product that a statement is counted for

# Tables that have an end by themselves, and why. Whatever is not named here grows as people talk.
SMALL = {
    "meta": "a handful of values",
    "model_fields": "optional fields of one API",
    "places": "one row per channel",
    "mcp_logins": "one per agent and server of the configuration, in each workspace",
    "installs": "one per workspace that installed the app",
    "install_states": "installations that came back in the last ten minutes, at most 1,000",
    "watermarks": "one row per channel",
    "raises": "what owners allowed this month",
    "settings": "what owners set for channels",
    "session": "values and rings of a fixed size",
    "session_state": "values, and one per open question",
    "runner_state": "one row",
    "destinations": "what the configuration lists",
    "owed": "notices between two commits",
    "channel_rules": "one row per channel that owners decided about",
    "channel_versions": "one row per change that an owner made by hand",
    "paused": "one row per agent",
    "forgotten": "one row per person who was forgotten",
    "orders_done": "a ring",
    "tasks": "as many as one conversation may have",
    "reservations": "model calls under way",
    "sqlite_schema": "the tables",
}

# Columns that nearly every row has something in: an index over those rows is as long as the table.
NAMES = ("platform_message_id", "in_reply_to", "task_id", "tool_use_id")

# What may read a table from end to end, by a part of the statement, and why.
EXEMPT = {
    "EXISTS (SELECT 1 FROM messages_in)": "it looks at one row",
    "SELECT 1 FROM sessions LIMIT 1": "it looks at one row",
    "SELECT 1 FROM transcript LIMIT 1": "it looks at one row",
    "SELECT 1 FROM messages_in WHERE status = 'completed' AND kind IN": "it stops at the first, which is among the oldest",
    "SELECT DISTINCT session_id FROM due": "all of them are wanted, at the start",
    "UPDATE sessions SET in_ledger = 0": "a migration, once",
    "messages_in WHERE kind IN ('chat', 'task', 'webhook') AND \"trigger\" = 1 ORDER BY seq LIMIT 1": "it stops at the first",
    "SELECT id FROM sessions$": "all of them are wanted, to name each as shortly as can be",
    "SELECT DISTINCT sessions.id, agent FROM due JOIN sessions": "all of them are wanted, for the list of all tasks",
    "ORDER BY active_at DESC LIMIT ?": "the latest, in the order of their index",
    "FROM audit ORDER BY id DESC LIMIT ?": "the latest, in the order of the table",
    "FROM due JOIN sessions ON sessions.id = session_id WHERE TRUE ORDER BY at": "read in order until enough is found",
    "SELECT count(*) FROM due JOIN sessions ON sessions.id = due.session_id": "where more are seen than a list shows",
    "SELECT id FROM messages_in AS m WHERE ((status IN": "retention, once a day in each file",
    "DELETE FROM live WHERE state IN ('removed', 'failed')": "retention, once a day in each file",
    "DELETE FROM delivered WHERE (message_out_id, chunk) IN": "retention, once a day in each file",
    "DELETE FROM questions WHERE message_out_id NOT IN": "retention, once a day in each file",
    "SELECT count(*) FROM processing_ack": "retention, by the owner of the file while nobody works in it",
    "DELETE FROM processing_ack WHERE status IN": "retention, by the owner of the file while nobody works in it",
    "DELETE FROM transcript WHERE turn IN": "retention, by the owner of the file while nobody works in it",
    "SELECT json_extract(content, '$.path') FROM messages_out": "retention, by the owner of the file while nobody works in it",
    "SELECT id FROM sessions ORDER BY id$": "a backup and a restoration have all of them",
    "SELECT id FROM sessions ORDER BY active_at DESC$": "doctor looks at as many as it has time for, the latest first",
    "UPDATE sessions SET busy = 1, work = work + 1$": "a restoration: all of them are looked at once it is resumed",
    "SELECT seq, id FROM messages_out ORDER BY seq DESC LIMIT 200": "the latest, in the order of the table",
    "occurrence_at, content FROM messages_in ORDER BY seq$": "an export has all that was said",
    "SELECT received_at FROM inbox ORDER BY id DESC LIMIT 1": "the latest, in the order of the table",
    "INSERT INTO due SELECT '?' || id": "all of them are due, when the index of tasks was lost",
    "FROM messages_in WHERE task_id <> '' ORDER BY seq": "made by tests alone",
    "in_ledger, node FROM sessions WHERE TRUE$": "made by tests alone",
    "SELECT id FROM messages_in WHERE kind IN ('chat', 'task', 'webhook') ORDER BY seq DESC LIMIT 1": "it stops at the first",
    "ORDER BY active_at DESC, id DESC LIMIT ?": "the latest, in the order of their index",
    "SELECT id, scope FROM sessions$": "all of them are wanted, once, beside the host's queue, for the index of what was said",
    "INSERT INTO spent_of SELECT": "a migration, once",
    "UPDATE audit SET user = 'slack:'": "a migration, once",
    "UPDATE judgements SET user = 'slack:'": "a migration, once",
    "UPDATE transcript SET kind = 'note', turn = 'forgotten'": "a conversation is forgotten: one step is left of it",
    "INSERT INTO session_state SELECT 'history_from', max(step)": "a conversation is forgotten: one step is left of it",
    "UPDATE questions SET expires_at = ? WHERE answered_by = '' AND (expires_at": "once, when a session's outbound.db is lost",
    "SELECT step FROM transcript$": "retention, once a day in each file, where nodes share a registry",
    "THEN CAST(message_id AS BLOB) END FROM processing_ack$": "once per life, and retention, where nodes share a registry",
    "SELECT place FROM packed WHERE serial = '' AND taken_at > 0 AND node <>": "once per life, and while standing by",
    "SELECT place FROM packed WHERE serial = '' AND taken_at = 0 AND node =": "once per life",
    "UPDATE transcript SET state = 'complete' WHERE kind = 'tool_call' AND EXISTS": "once, when a file is made of its copies",
}

# Whose statements may read tables from end to end, and why.
RARE = dict.fromkeys(
    ("host/registry/forgetting.py", "host/upkeep/forgetting.py", "host/cli/forgetting.py"),
    "a person is forgotten by an operator's order: whatever names them has to be found, and no index keeps their names",
) | dict.fromkeys(
    ("host/registry/migrating.py", "host/cli/migrating.py", "host/cli/main.py"),
    "the records move to another engine by an operator's order, while no host runs: all of them",
)


# What carries every statement out, whoever makes it.
CARRIERS = ("host/folders/disk.py", "host/registry/db.py", "host/registry/groups.py")


def is_rare(lines: Iterable[str]) -> bool:
    """Whether nobody makes the statement but those who may read everything."""
    makers = {line.partition(":")[0] for line in lines}.difference(CARRIERS)
    return bool(makers) and makers <= RARE.keys()


@dataclass(frozen=True, order=True)
class Made:
    """A statement, and a line that made it."""

    path: str  # below the repository
    line: int
    sql: str


class Trace:
    """What one process makes, and what others told of. A statement is noted in two microseconds: tests make millions."""

    def __init__(self) -> None:
        self._told: set[Made] = set()
        self._made: set[tuple[int, int, str]] = set()  # code, instruction and statement
        self._codes: dict[
            int, tuple[CodeType, bool]
        ] = {}  # by id: kept, so that no other gets it, and whether it is ours

    def begin(self) -> None:
        apsw.connection_hooks.append(self._watch)
        if importlib.util.find_spec("psycopg") is not None:
            self._watch_database()

    def hear(self, made: Iterable[Made]) -> None:
        self._told.update(made)

    def clear(self) -> None:
        self._told.clear()
        self._made.clear()

    @property
    def seen(self) -> set[Made]:
        lines = {id_: list(code.co_lines()) for id_, (code, _) in self._codes.items()}
        return self._told | {
            Made(self._codes[id_][0].co_filename[len(_PREFIX) :], line, sql)
            for id_, instruction, sql in self._made
            for first, last, line in lines[id_]
            if first <= instruction < last and line is not None
        }

    def _watch(self, connection: apsw.Connection) -> None:
        connection.exec_trace = self._note

    def _watch_database(self) -> None:
        """Of PostgreSQL's statements the lines are noted alone: SQLite plans what it has too when it makes that itself."""
        import psycopg

        execute = psycopg.Connection.execute

        def traced(connection: psycopg.Connection[Any], query: Any, *more: Any, **options: Any) -> Any:
            self._mark(sys._getframe(1), "")
            return execute(connection, query, *more, **options)

        psycopg.Connection.execute = traced

    def _note(self, _: object, sql: str, __: object) -> bool:
        self._mark(sys._getframe(1), sql)
        return True

    def _mark(self, frame: FrameType | None, sql: str) -> None:
        for depth in range(DEEPEST):
            if frame is None:
                break
            code = frame.f_code
            id_ = id(code)
            if (known := self._codes.get(id_)) is None:
                known = self._codes[id_] = code, code.co_filename.startswith(_HOMES)
            if known[1]:
                self._made.add((id_, frame.f_lasti, sql))
            elif depth == 0:  # a test's own
                break
            frame = frame.f_back


_PREFIX = f"{ROOT}/"
_HOMES = tuple(f"{_PREFIX}{package}/" for package in PACKAGES)


# ── statements that no test has run ──────────────────────────────────────────────────────────────────────


def never_run(seen: Iterable[Made]) -> list[str]:
    """Lines of the source that make a statement, or hand one to whoever makes it, and have not."""
    lines: dict[str, set[int]] = {}
    for made in seen:
        lines.setdefault(made.path, set()).add(made.line)
    return [
        f"{path}:{first}"
        for path, first, last in _sites()
        if not any(first <= line <= last for line in lines.get(path, ()))
    ]


def _sites() -> Iterator[tuple[str, int, int]]:
    """By file: where such a call begins and ends."""
    trees = {
        str(path.relative_to(ROOT)): ast.parse(path.read_text("utf-8"))
        for package in IN_SIGHT
        for path in sorted((ROOT / package).rglob("*.py"))
    }
    for path, tree in trees.items():
        makers = {*CALLS, *_handed_statements(tree)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in makers and node.args:
                yield path, node.lineno, node.end_lineno or node.lineno


def _handed_statements(tree: ast.Module) -> Iterator[str]:
    """Functions that make what they are given; one that awaits has its statement made in another thread, out of sight."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            given = {argument.arg for argument in (*node.args.args, *node.args.kwonlyargs)}
            calls = {_name(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)}
            if given.intersection(HANDED_ON) and calls.intersection(CALLS):
                yield node.name


def _name(called: ast.expr) -> str:
    if isinstance(called, ast.Attribute):
        return called.attr
    return called.id if isinstance(called, ast.Name) else ""


# ── plans ────────────────────────────────────────────────────────────────────────────────────────────────


class Plans:
    """What SQLite would do in a host.db, an inbound.db and an outbound.db."""

    def __init__(self, folder: Path) -> None:
        self._databases = [
            open_host_db(folder / "host.db"),
            open_writer(folder / "inbound.db", "inbound"),
            open_writer(folder / "outbound.db", "outbound"),
        ]

    def close(self) -> None:
        for connection in self._databases:
            connection.close()

    def scans(self, sql: str) -> list[str]:
        """What the statement reads from end to end of a table that grows; nothing where it fits none of the databases."""
        if not re.match(r"\s*(SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH)\b", sql, re.IGNORECASE):
            return []
        if any(part in f"{plain(sql)}$" for part in EXEMPT):
            return []
        found: list[str] = []
        for connection in self._databases:
            try:
                steps = _plan(connection, sql)
            except apsw.SQLError:
                continue
            found += [step for step in steps if _is_scan(connection, sql, step)]
        return found


def plain(sql: str) -> str:
    return " ".join(sql.split())


def _plan(connection: apsw.Connection, sql: str) -> list[str]:
    """The steps of all its statements."""
    steps: list[str] = []
    rest: str | None = sql
    while rest and rest.strip("; \n"):
        info = apsw.ext.query_info(connection, rest, explain_query_plan=True)
        steps += _flat(info.query_plan)
        rest = info.query_remaining
    return steps


def _flat(plan: apsw.ext.QueryPlan | None) -> Iterator[str]:
    if plan is not None:
        yield plan.detail
        for below in plan.sub or ():
            yield from _flat(below)


def _is_scan(connection: apsw.Connection, sql: str, step: str) -> bool:
    found = re.match(r"SCAN (\w+)(?: USING (?:COVERING )?INDEX (\w+))?", step)
    if found is None:
        return False
    table = _table(sql, found[1])
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    if table in SMALL or (table,) not in tables:  # the rows of a sub-select, json_each
        return False
    return not (found[2] and _is_partial(connection, found[2]))


def _table(sql: str, alias: str) -> str:
    named = re.search(rf"\b(\w+)\s+(?:AS\s+)?{alias}\b", sql, re.IGNORECASE)
    return (
        named[1] if named and named[1].upper() not in ("FROM", "JOIN", "INTO", "UPDATE", "TABLE") else alias
    )


def _is_partial(connection: apsw.Connection, index: str) -> bool:
    """An index over what is open, or has failed: as short as that is. One over all that has a name is not."""
    row = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (index,)).fetchone()
    found = re.search(r"\sWHERE\s+(\w+)", str(row[0])) if row else None
    return found is not None and found[1] not in NAMES

"""What an owner decides or looks up from the command line, beside a running host or without one."""

from __future__ import annotations

import getpass
import time
from pathlib import Path

from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table
from rich.text import Text

from host.cli.inspect import NothingFoundError, moment
from host.config import Config
from host.controls import spending
from host.gateway.budget import day_of
from host.governance import audit, requests, words
from host.governance.access import LOCAL
from host.governance.sight import Sight
from host.ports.events import Author, Viewer
from host.registry.db import beside, open_registry
from host.registry.port import Statements
from sessiondb.records import Address

MOST_SHOWN = 50

_out = Console()


def show_access(data: Path) -> None:
    """Whom owners let in or kept out, and who waits for a decision."""
    registry = open_registry(data)
    try:
        decided = registry.execute(
            "SELECT channel_type || ':' || user_id, name, standing FROM users WHERE standing <> '' ORDER BY 1"
        ).fetchall()
        asked = registry.execute(
            "SELECT subject ->> '$.platform' || ':' || (subject ->> '$.user'), subject ->> '$.name', 'asks' FROM requests"
            " WHERE kind = 'access' AND choice = '' ORDER BY created_at"
        ).fetchall()
    finally:
        registry.close()
    table = Table("person", "name", "access")
    for person, name, standing in [*asked, *decided]:
        table.add_row(Text(str(person)), Text(words.name(str(name))), Text(str(standing)))
    _out.print(table if table.rows else "Nobody was decided about, and nobody asks.")


def set_access(data: Path, person: str, standing: str) -> None:
    """`standing` is 'allowed', 'denied' or '' for "as if nobody had decided". Raises `NothingFoundError`, `SessionError`."""
    platform, _, user = person.partition(":")
    if not platform or not user:
        raise NothingFoundError(f"{person!r} names nobody: write platform:id, such as slack:U012AB3CD")
    now = time.time_ns() // 1_000_000
    with beside(data / "host.db") as connection:
        requests.set_standing(connection, platform, user, standing, now)
        audit.record(connection, _operator(), "access", f"{person} {standing or 'undecided'}", now)
    _out.print(Text(f"{person}: {standing or 'undecided'}"))


def show_audit(data: Path) -> None:
    registry = open_registry(data)
    try:
        rows = registry.execute(
            "SELECT at, user, name, channel_type, workspace_id, platform_id, action, detail FROM audit"
            " ORDER BY id DESC LIMIT ?",
            (MOST_SHOWN,),
        ).fetchall()
    finally:
        registry.close()
    table = Table("when", "who", "where", "what", "detail")
    for at, user, name, *place, action, detail in rows:
        where = "/".join(str(part) for part in place if part)
        who = f"{words.name(str(name))} ({user})"
        table.add_row(moment(int(str(at))), Text(who), Text(where), Text(str(action)), Text(str(detail)))
    _out.print(table if table.rows else "Nobody has changed anything.")


def show_usage(config: Config, data: Path) -> None:
    registry = open_registry(data)
    try:
        _out.print(Markdown(_usage(registry, config)))
    finally:
        registry.close()


def _usage(registry: Statements, config: Config) -> str:
    day = day_of(time.time_ns() // 1_000_000, words.zone_of("", config.host.zone))
    spent = spending.of(registry, config, _operator(), Sight(True, ()), day)
    return "\n\n".join(line for line in spent.text.splitlines() if not line.startswith("**Here"))


def _operator() -> Viewer:
    user = getpass.getuser()
    return Viewer(Author(user, user), Address(LOCAL, "local", ""), "dm")

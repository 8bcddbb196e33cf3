"""host.db and every session's two files, without changing a byte: schema, damage, failed starts, budgets."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from host.cli.looks import clock
from host.config import Config
from host.config.environment import LABELS
from host.folders import modes, share
from host.gateway import fields, limits
from host.gateway.budget import day_of
from host.governance import words
from host.mailbox import spaces
from host.ports import faults
from host.ports.findings import Finding
from host.registry import ahead, elsewhere, installs, nodes, packs, resumption
from host.registry.db import open_registry
from host.registry.port import Statements
from host.registry.where import VERSION, noted
from host.words import dollars
from sessiondb import Damaged, Incompatible, SessionError, SessionFolder, Unavailable
from sessiondb.connection import open_reader
from sessiondb.errors import SQLITE, translated

CHECKED_WHOLE = 64 * 1024**2  # bytes of host.db up to which each page is looked at
COPIED = 1024**3  # bytes up to which it is looked at in a copy, where looking would leave files beside it
MOST_TIME = 5.0  # s for the sessions' files
INSTALLED = "Slack's workspaces"
MOST_NAMED = 3  # sessions of one kind
APART = ahead.STEP / 2_000  # s; a node whose clock is off by less is let be


@dataclass(frozen=True, slots=True)
class Seen:
    findings: tuple[Finding, ...]
    newest: int = 0  # ms UTC, the latest moment host.db knows of


def look(config: Config, data: Path, now: int, *, before_start: bool) -> Seen:
    """`before_start`: a host is about to open it anyway, so that nothing has to be left as it is."""
    if config.cluster is not None:
        return _in_database(config, data, config.cluster.database, now)
    path = data / "host.db"
    if not path.exists() and not path.is_symlink():
        nobody = _installs(config, None, now)
        return Seen((Finding("Records", True, "none yet: no host has run here"), *nobody))
    try:
        with _opened(data, before_start=before_start) as registry, translated(path):
            return _read(config, data, registry, now)
    except SessionError as error:
        return Seen((Finding("Records", False, *_told_of(error), stops=True),))


@contextmanager
def _opened(data: Path, *, before_start: bool) -> Iterator[Statements]:
    """Reading host.db makes two files beside it, unless a host has them there already: then a copy is read."""
    path = data / "host.db"
    beside = path.with_name("host.db-wal")
    if before_start or beside.exists() or not path.is_file() or path.stat().st_size > COPIED:
        with closing(open_registry(data, of_any_version=True)) as registry:
            yield registry
        return
    with tempfile.TemporaryDirectory(prefix="dovecote-") as folder:
        try:
            shutil.copyfile(path, Path(folder) / "host.db")
        except OSError as error:
            raise Unavailable(path, error.strerror or "cannot be read") from error
        try:
            with closing(open_registry(Path(folder), of_any_version=True)) as registry:
                yield registry
        except SessionError as error:
            error.path = path
            raise


def _read(config: Config, data: Path, registry: Statements, now: int) -> Seen:
    path = data / "host.db"
    version = int(_told(registry, "PRAGMA user_version"))
    if version > VERSION:
        raise Incompatible(path, version, VERSION)
    if path.stat().st_size <= CHECKED_WHOLE:
        problem = _told(registry, "PRAGMA quick_check(1)")
        if problem != "ok":
            raise Damaged(path, problem)
    if version < VERSION:
        seen = "host.db is of an older Dovecote; the next start brings it up to date"
        return Seen((Finding("Records", True, seen),))
    try:
        return _found(config, data, registry, now)
    except SQLITE as error:  # a table or a column is missing
        raise Damaged(path, str(error)) from error


def _in_database(config: Config, data: Path, url: str, now: int) -> Seen:
    try:
        elsewhere.look(url)
        if not noted(data):
            first = Finding("Records", True, "the database answers: no host has run on it here")
            return Seen((first, *_common(config, "")))
        with closing(open_registry(data)) as registry:
            seen, common = _found(config, data, registry, now), _common(config, spaces.known_mark(registry))
            where = (_node(config, data, registry), *_needed(config, registry), *_apart(registry))
            return Seen((*seen.findings, *where, *common, *_not_packed(registry)), seen.newest)
    except SessionError as error:
        return Seen((Finding("Records", False, *_told_of(error), stops=True),))


def _common(config: Config, known: str) -> Iterator[Finding]:
    """The folder in which all nodes keep workspaces; `known`: what the database has of its mark."""
    root = config.cluster.workspaces if config.cluster is not None else None
    if root is None:
        return

    def look() -> str:
        share.require(root, known)
        share.require_writable(root)
        return modes.openness(root)

    try:
        open_to = share.at_once(root, look)
    except share.Unfit as error:
        yield Finding("Workspaces", False, f"{root}: {error.problem}", error.remedy, stops=True)
        return
    yield Finding("Workspaces", True, f"{root}, which all nodes share" if known else f"{root} is new")
    if open_to:
        yield Finding("Workspaces", False, f"{root}: {open_to}", f"Run `chmod 700 {root}`")


def _not_packed(registry: Statements) -> Iterator[Finding]:
    """What another node would not have."""
    found = packs.in_part(registry)
    for place, why in found[:MOST_NAMED]:
        remedy = "Have what is not needed deleted, or raise folder_mb in [cluster]"
        yield Finding("Folders", False, f"{place} is not packed whole: {why}", remedy)
    if len(found) > MOST_NAMED:
        yield Finding("Folders", False, f"{len(found) - MOST_NAMED} more are not packed whole")


def _node(config: Config, data: Path, registry: Statements) -> Finding:
    """To stand by is to be well."""
    together = config.cluster is not None and config.cluster.workspaces is not None
    if mixed := nodes.mixed(registry, together=together):
        problem, _, remedy = mixed.partition(": ")
        return Finding("Node", False, problem, remedy[0].upper() + remedy[1:])
    found = nodes.seen(registry)
    mine = next((one for one in found if one.id == nodes.named(data)), None)
    serving = next((one.name for one in found if one.serves), "")
    if mine is not None and mine.serves:
        if mine.together:
            beside = ", ".join(one.name for one in found if one.serves and one.id != mine.id) or "nobody"
            return Finding("Node", True, f"this one serves {mine.channels} channels; beside it: {beside}")
        others = sum(not one.drained for one in found if one.id != mine.id)
        return Finding("Node", True, f"this one serves; nodes that could take over: {others}")
    told = f"{serving} serves" if serving else "none serves right now"
    if mine is not None and mine.drained and not serving:
        remedy = f"Run `dovecote drain {mine.id} --undo`, or start another node"
        return Finding("Node", False, "this one is drained, and none serves: messages wait", remedy)
    if mine is not None and mine.drained:
        return Finding("Node", True, f"this one is drained until `dovecote drain {mine.id} --undo`; {told}")
    return Finding("Node", True, f"this one stands by when it runs; {told}")


def _apart(registry: Statements) -> Iterator[Finding]:
    """This machine's clock and the database's, whose time counts."""
    before = time.time()
    [(there,)] = registry.execute("SELECT ms_now()").fetchall()
    off = (before + time.time()) / 2 - int(str(there)) / 1000
    if abs(off) > APART:
        way = "ahead of" if off > 0 else "behind"
        seen = f"it is {clock.spoken(abs(off))} {way} the database's, whose time counts"
        yield Finding("Clock", False, seen, f"{clock.REMEDY}; a host that runs goes by the database's")


def _needed(config: Config, registry: Statements) -> Iterator[Finding]:
    """By agents, and of none of the nodes that serve."""
    serving = [one for one in nodes.seen(registry) if one.serves and one.together]
    for name, agent in config.agents.items():
        if serving and agent.needs and not any(set(agent.needs) <= set(one.labels) for one in serving):
            seen = f"agent {name} needs {', '.join(agent.needs)}, and no node that serves has that"
            remedy = f"Start a node with labels = {json.dumps(agent.needs)} in [cluster], or with these in {LABELS}"
            yield Finding("Machines", False, seen, remedy)


def _told_of(error: SessionError) -> tuple[str, str]:
    said = faults.of_records(error)
    return f"{error.path}: {said.problem}", said.remedy


def _found(config: Config, data: Path, registry: Statements, now: int) -> Seen:
    newest = _newest(registry)
    found = [
        *_held(registry),
        *_sessions(data, registry),
        *_starts(data, registry),
        *_budgets(config, registry, now),
        *_refused_fields(config, registry),
        *_installs(config, registry, now),
    ]
    return Seen(tuple(found), newest)


def _held(registry: Statements) -> Iterator[Finding]:
    if resumption.held(registry):
        yield Finding("Records", False, *resumption.HELD)


def _told(registry: Statements, pragma: str) -> str:
    row = registry.execute(pragma).fetchone()
    return str(row[0]) if row else ""


def _newest(registry: Statements) -> int:
    row = registry.execute(
        "SELECT max(coalesce((SELECT received_at FROM inbox ORDER BY id DESC LIMIT 1), 0),"
        " coalesce((SELECT max(active_at) FROM sessions), 0))"
    ).fetchone()
    return int(str(row[0])) if row else 0


def _sessions(data: Path, registry: Statements) -> Iterator[Finding]:
    """The latest first, as many as there is time for."""
    rows = registry.execute("SELECT id FROM sessions ORDER BY active_at DESC").fetchall()
    until = time.monotonic() + MOST_TIME
    wrong: list[tuple[str, SessionError]] = []
    looked = 0
    for (id_,) in rows:
        if time.monotonic() > until:
            break
        looked += 1
        folder = SessionFolder((data / "sessions" / str(id_)).resolve())
        wrong += [(str(id_), error) for error in _unreadable(folder)]
    some = "" if looked == len(rows) else f", the latest {looked} looked at"
    yield Finding(
        "Records", not wrong, f"version {VERSION}, {len(rows)} conversations{some}", _several(wrong)
    )
    for id_, error in wrong[:MOST_NAMED]:
        said = faults.of_records(error)
        yield Finding(f"Conversation {id_[:8]}", False, f"{error.path.name}: {said.problem}", said.remedy)


def _several(wrong: list[tuple[str, SessionError]]) -> str:
    return f"Look at the conversations below; {len(wrong)} files cannot be used" if wrong else ""


def _unreadable(folder: SessionFolder) -> Iterator[SessionError]:
    for path in (folder.inbound_db, folder.outbound_db):
        try:
            open_reader(path, defensive=path == folder.outbound_db).close()
        except (Incompatible, Damaged) as error:
            yield error
        except SessionError as error:
            if path.exists() and "not initialised" not in error.reason and "lock" not in error.reason:
                yield error


def _starts(data: Path, registry: Statements) -> Iterator[Finding]:
    rows = registry.execute(
        "SELECT id, start_failures, start_error FROM sessions WHERE start_failures > 0 ORDER BY active_at DESC LIMIT ?",
        (MOST_NAMED,),
    ).fetchall()
    for id_, failures, error in rows:
        seen = f"could not be started {failures} times: {words.one_line(str(error))}"
        log = data / "sessions" / str(id_) / "runner.log"
        remedy = f"See {log}" if log.exists() else "It is tried again with growing pauses"
        yield Finding(f"Conversation {str(id_)[:8]}", False, seen, remedy)


def _budgets(config: Config, registry: Statements, now: int) -> Iterator[Finding]:
    """What is used up: until the day or month is over nobody gets an answer for it."""
    day = day_of(now, words.zone_of("", config.host.zone))
    over = [one for one in limits.standings(registry, config, day) if one.left == 0]
    for one in over[:MOST_NAMED]:
        yield Finding("Budget", False, _used_up(one.limit), _more(one.limit))
    if len(over) > MOST_NAMED:
        yield Finding("Budget", False, f"{len(over) - MOST_NAMED} more are used up", "See dovecote usage")


def _used_up(limit: limits.Limit) -> str:
    who = "all agents together" if limit.kind == "all" else limit.budget
    return f"{who} used up the {limit.period}'s {dollars(limit.most)}"


def _more(limit: limits.Limit) -> str:
    name = limit.budget.partition(" ")[2]
    sections = {"all": "[model]", "agent": f"[agents.{name}]"}
    section = sections.get(limit.kind, f"[budgets.{limit.kind}]")
    return f"Allow more when an owner is asked, or raise budget_usd_per_{limit.period} in {section}"


def _installs(config: Config, registry: Statements | None, now: int) -> Iterator[Finding]:
    """Workspaces of Slack that may install the app, and whether they have it."""
    named = config.slack.installs if config.slack is not None else ()
    known = {one.holder: one for one in installs.known(registry, "slack")} if registry else {}
    # Those of an organisation that has the app as a whole (E…) need not be named.
    whole = any(one.startswith("E") for one in named)
    served = {team: one for team, one in known.items() if team in named or (whole and team.startswith("T"))}
    there = [f"{one.name} ({team})" for team, one in served.items() if not one.why]
    missing = [team for team in named if team not in known]
    where = f"{config.web.public_url if config.web else ''}/slack/install"
    said = [f"installed in {', '.join(there)}"] if there else []
    if missing:
        said.append(f"{', '.join(missing)} may install the app at {where}, and {_has_not(len(missing))} yet")
    if said:
        yield Finding(INSTALLED, True, "; ".join(said))
    for one in known.values():
        if one.holder not in served and not one.ended:
            seen = f"{one.name} ({one.holder}) has installed the app, and is not served"
            remedy = f"Name {one.holder} in slack.installs, or remove the app there"
            yield Finding(INSTALLED, False, seen, remedy)
        elif one.holder in served and one.why and registry:
            rests = ", and its tasks rest" if one.ended or now > one.waits_until else ""
            waits = installs.of_one_gone(registry, "slack", one, now)
            seen = f"{one.name} ({one.holder}): {one.why}; {waits}{rests}"
            remedy = f"Have it installed there again, at {where}, or take {one.holder} out of slack.installs"
            yield Finding(INSTALLED, False, seen, remedy)


def _has_not(count: int) -> str:
    return "has not" if count == 1 else "have not"


def _refused_fields(config: Config, registry: Statements) -> Iterator[Finding]:
    """What the model's address was found to do without: cheaper or longer conversations, mostly."""
    if refused := fields.refused(registry, config.model.base_url):
        named = ", ".join(field for field, _ in refused)
        remedy = "It is tried again after a day; have what stands before the model pass it on"
        yield Finding("Model API", True, f"{config.model.base_url} does not take {named}", remedy)

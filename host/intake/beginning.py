"""Tasks that begin by what happens in a channel: a reaction, a file, words (law 4).

What begins one is an event of its own, in the transaction that decides about the event it follows from: under that one's key
and the task's id, so that it is one, however often and by whatever path the platform tells it. A crash before that commit leaves
neither, and the platform tells both again; after it the inbox has it, as everything else that waits to be stored.

No bot begins one, so that what an agent posts, or another answers, never goes round. Of a burst the first few begin it; that
others are let pass is said once, where the task posts.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from host.config import Config
from host.config import awaited as waits
from host.governance import access, rules
from host.governance.access import Allowed
from host.intake import inbox, permission, router
from host.intake.inbox import Entry
from host.ports.events import EventClass, InboundEvent
from host.registry import awaiting, notices, sessions
from host.registry.awaiting import Waiting
from host.registry.notices import Notice
from host.registry.port import Statements
from host.registry.sessions import Session
from host.words import say

log = logging.getLogger(__name__)

Load = Callable[[Statements, str], Session | None]
TOO_OFTEN = "its task had begun too often within a short time, and let it pass"
CLASSES = {"reaction": EventClass.REACTION, "file": EventClass.MESSAGE, "words": EventClass.MESSAGE}


@dataclass
class Begun:
    """What an event began, and whether people are told something."""

    runs: list[tuple[Session, Entry]] = field(default_factory=list)
    told: bool = False


def begun(connection: Statements, config: Config, event: InboundEvent, load: Load, now: int) -> Begun:
    """In the transaction that decides about the event."""
    found = Begun()
    if event.event_class in CLASSES.values() and not event.author.is_bot and not event.remark:
        for waiting in awaiting.at(connection, event.address):
            session = load(connection, waiting.session_id) if _is_awaited(waiting, event) else None
            if session is not None and _may(connection, config, event, session.agent):
                _one(connection, event, waiting, session, found, now)
    return found


def _is_awaited(waiting: Waiting, event: InboundEvent) -> bool:
    if CLASSES[waiting.kind] is not event.event_class or event.at <= waiting.since:
        return False
    if waiting.people and event.author.id not in waiting.people:
        return False
    return waits.fits(
        waiting.kind,
        waiting.what,
        reacted=event.value,
        said=event.text,
        files=[file.name for file in event.files],
    )


def _one(
    connection: Statements, event: InboundEvent, waiting: Waiting, session: Session, found: Begun, now: int
) -> None:
    own = replace(
        event,
        event_class=EventClass.TASK,
        natural_id=f"{waiting.task_id}:{event.event_class}:{event.natural_id}",
        session_id=session.id,
        refers_to=waiting.task_id,
        opening="",
        mentioned=False,
        thread_so_far=(),
        value=waits.reaction(event.value) if waiting.kind == "reaction" else "",
    )
    if inbox.find(connection, own.key) is not None:
        return
    counted = awaiting.count(connection, waiting.task_id, now)
    if not counted.begins:
        inbox.decline(connection, own, TOO_OFTEN, now)  # told again, it begins nothing later either
        if counted.passed == 1:
            notices.add(connection, _too_many(connection, waiting, session, counted.until), now)
            found.told = True
        log.info("A task is not begun once more", extra={"action": "task_passed", "task": waiting.task_id})
        return
    if counted.passed:
        own = replace(own, by=str(counted.passed))
    sessions.mark_busy(connection, session.id)
    entry = inbox.add(connection, own, session.id, session.place, trigger=True, trusted=False, now=now)
    found.runs.append((session, entry))


def _may(connection: Statements, config: Config, event: InboundEvent, agent: str) -> bool:
    """Whoever may ask the agent there may begin it, and sees what it has at hand (law 13)."""
    decided = rules.of_channel(connection, event.address)
    rule = router.rule_of(event.address, config.routes, decided)
    if rule is None or rule.engage == "off" or access.sees_in_part(config.access, event):
        return False
    return isinstance(permission.of(connection, config, event, agent), Allowed)


def _too_many(connection: Statements, waiting: Waiting, session: Session, until: int) -> Notice:
    title = _title(connection, waiting.task_id)
    text = say(
        "⏸️ The task “{title}” ({id}) began {most} times within {minutes} minutes: what would begin it now is let pass for the"
        " rest of that time. Its next run says how often that was.",
        title=title,
        id=waiting.task_id,
        most=awaiting.MOST,
        minutes=awaiting.WITHIN // 60_000,
    )
    return Notice(f"task-burst:{waiting.task_id}:{until}", session.place, text)


def _title(connection: Statements, task_id: str) -> str:
    row = connection.execute("SELECT task FROM task_copies WHERE task_id = ?", (task_id,)).fetchone()
    try:
        return " ".join(str(json.loads(str(row[0]))[1]).split()) if row is not None else task_id
    except (ValueError, IndexError, TypeError):
        return task_id

"""What a session's files say of its runner: how a live one gets on, and what a dead one has left."""

from __future__ import annotations

import logging
from collections.abc import Callable

from host.delivery.attempts import give_up_or_postpone
from host.delivery.notes import owe
from host.mailbox import fence, gone
from host.mailbox.inbound import InboundWriter
from host.mailbox.outbound import OutboundReader
from host.registry.sessions import Session
from host.runners import quota
from host.runners.launch.base import Runner
from host.runners.life import Life
from host.runners.sweep import View
from sessiondb import SessionError
from sessiondb.records import Ack, AckStatus, Destination, MessageIn, RunnerState, Status
from sessiondb.signals import read_heartbeat

log = logging.getLogger(__name__)


def view(writer: InboundWriter, life: Life, runner: Runner, now: int, idle_exit: int) -> View:
    """How the runner gets on; `idle_exit` in ms."""
    session, mine = life.session, runner.incarnation
    beat = read_heartbeat(session.folder.heartbeat)
    claims, activity_at, deadline = 0, 0, 0
    try:
        acks, state = _read(session, writer.pending())
        claims = sum(a.status is AckStatus.PROCESSING and a.incarnation == mine for a in acks)
        if state is not None and state.incarnation == mine:
            activity_at, deadline = state.activity_at, state.tool_deadline
    except SessionError as error:
        log.debug("No closer look at %s: %s", session.id, error)
    if claims:
        life.busy_at = now
    if runner.held:
        life.held_at = now
    return View(
        now=now,
        started_at=life.silent_from,
        heartbeat_at=max(life.held_at, beat.at if beat is not None and beat.incarnation == mine else 0),
        claims=claims,
        activity_at=activity_at,
        tool_deadline=deadline,
        busy_at=life.busy_at,
        idle_exit=idle_exit,
    )


def put_back(
    writer: InboundWriter, life: Life, incarnation: str, now: int, *, free: bool
) -> tuple[bool, bool]:
    """Claims of a runner that is confirmed dead: another attempt, which a stop by the host does not cost, nor one that was
    `free` because a file was busy for too long.

    Whether that incarnation had claimed something, and whether anybody is told that it was over its quota.
    """
    told = False
    pending = {message.id: message for message in writer.pending()}
    try:
        acks, state = _read(life.session, list(pending.values()))
    except SessionError:
        return False, False
    with writer.writing():
        gone.after_an_end(writer)
        for ack in acks:
            message = pending[ack.message_id]
            counts = ack.status is AckStatus.PROCESSING and ack.attempt > message.attempts
            if life.ordered_to_stop or free or not counts:
                continue
            if life.over_quota:
                writer.settle(message.id, Status.FAILED, f"stopped: {life.over_quota}")
                owe(writer, quota.notice(life.session, life.over_quota, now, message))
                told = True
            else:
                give_up_or_postpone(writer, message, message.attempts + 1, ack.error, now)
    any_ = any(ack.incarnation == incarnation for ack in acks) or (
        state is not None and state.incarnation == incarnation and state.phase == "working"
    )
    return any_, told


def _read(session: Session, pending: list[MessageIn]) -> tuple[list[Ack], RunnerState | None]:
    """Raises `SessionError`."""
    reader = OutboundReader(session.folder.outbound_db)
    try:
        return reader.acks([message.id for message in pending]), reader.runner_state()
    finally:
        reader.close()


def assignment(
    session: Session, destinations: list[Destination], incarnation: str
) -> Callable[[InboundWriter], None]:
    def assign(writer: InboundWriter) -> None:
        with writer.writing():
            gone.before_a_start(writer, session)
            fence.assign(writer, incarnation, session.scope)
            writer.set_destinations(destinations)

    return assign


def next_work(writer: InboundWriter) -> tuple[int | None, bool]:
    """When the next message that wakes is due, and whether scheduled work is all that waits."""
    return writer.next_due_at(), not writer.people_wait()

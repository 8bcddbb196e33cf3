"""A session whose outbound.db is gone: nothing tells any more what its runners had begun.

There was one if the host has read it, now or before a start, or if a heartbeat lies where it was: a runner writes that
after its file's first commit, and its incarnation into it. A file that never was is no loss: its first runner died too early.

One commit of inbound.db ends what may have been under way, in words; lifts the numbers above all that the lost file may have
had; and takes the incarnation away, so that a runner which still has that file open commits nothing that counts. A crash
before it finds the loss again. After it there is nothing to lose until the next runner has made a file, and what people are
told is owed in that same commit.
"""

from __future__ import annotations

from host.mailbox import remaking
from host.mailbox.inbound import InboundWriter
from host.registry.notices import Notice
from host.registry.sessions import Session
from sessiondb import MessageIn, Status, content
from sessiondb.signals import read_heartbeat

KNOWN = "outbound_known"  # the file could be read before a start
PARTED = "outbound_parted"  # the incarnation whose heartbeat the latest loss left behind
BEFORE = "outbound_before"  # rows up to this seq were in files that are gone
LOST = "the record of what was done for it is lost"


def before_a_start(writer: InboundWriter, session: Session) -> None:
    """Takes part in the transaction that assigns a runner."""
    if session.read:
        writer.set_value(KNOWN, "yes")
    writer.set_value(remaking.RESTED, "")


def after_an_end(writer: InboundWriter) -> None:
    """Its runner is gone, and what it wrote is read: what comes in from now on nobody has begun."""
    writer.set_value(remaking.RESTED, str(writer.mark("seq_high_water")))


def was_there(writer: InboundWriter, session: Session) -> bool:
    """Whether this session had an outbound.db since it was last lost."""
    if session.read or writer.value(KNOWN) or writer.mark("outbound_read") > writer.mark(BEFORE):
        return True
    beat = read_heartbeat(session.folder.heartbeat)
    return beat is not None and beat.incarnation != writer.value(PARTED)


def begin_anew(writer: InboundWriter, session: Session, now: int) -> int | None:
    """Returns the highest seq that may have been in use; None when there was no file to lose."""
    if not was_there(writer, session):
        return None
    beat = read_heartbeat(session.folder.heartbeat)
    high = writer.mark("seq_high_water") + remaking.UNHEARD_OF
    begun = writer.value(remaking.RESTED)
    lost = [m for m in writer.pending() if m.trigger and (not begun or m.seq <= int(begun))]
    with writer.writing():
        for message in lost:
            _end(writer, message)
        writer.close_questions(now)
        for mark in ("seq_high_water", "outbound_read", BEFORE):
            writer.raise_mark(mark, high)
        writer.set_value(PARTED, beat.incarnation if beat is not None else "")
        for key in (KNOWN, "incarnation"):
            writer.set_value(key, "")
        writer.advance_watermark()
        _tell(writer, session, lost, now)
    return writer.mark("seq_high_water")


def _end(writer: InboundWriter, message: MessageIn) -> None:
    writer.settle(message.id, Status.CANCELLED if _is_quiet(message) else Status.FAILED, LOST)


def _is_quiet(message: MessageIn) -> bool:
    """An order has nothing left to stop, and the end of a question nobody to tell."""
    return message.kind == "control" or (message.kind == "system" and not message.author_id)


def _tell(writer: InboundWriter, session: Session, lost: list[MessageIn], now: int) -> None:
    """People, at each place where something was under way, or once an hour where they talk; the agent, as context of its
    next turn there."""
    wanted = {m.address: m for m in lost if not _is_quiet(m)}
    for address, last in wanted.items():
        text = f"{_LOST.format(session.id[:9])} {_UNFINISHED} {_FORGOTTEN}"
        about = f"damaged:{session.id}:{last.id}"
        notice = Notice(about, address, text, answers=last.platform_message_id)
        writer.owe(about, notice.encode())
        writer.note(about, address, content.System("note", _TOLD, ok=False))
    if not wanted:
        about = remaking.notice_of(session.id, now)
        text = f"{_LOST.format(session.id[:9])} {_FORGOTTEN}"
        writer.owe(about, Notice(about, session.place, text).encode())
        writer.note(f"{about}:gone", session.place, content.System("note", _TOLD, ok=False))


_LOST = "⚠️ My records of this conversation were lost ({})."
_UNFINISHED = (
    "What was not answered here is not begun again, for nobody knows how far it got: please ask again."
)
_FORGOTTEN = "I do not remember what was said before."
_TOLD = "Your record of this conversation was lost: what was said and done before is not known to you."

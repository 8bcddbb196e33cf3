"""A session whose outbound.db is gone: nothing tells any more what its runners had begun.

There was one if the host has read it, now or before a start, or if a heartbeat lies where it was: a runner writes that
after its file's first commit, and its incarnation into it. A file that never was is no loss: its first runner died too early.
Another one in its place is no less a loss: it does not name the runner that was last seen to write into it.

One commit of inbound.db ends what may have been under way, in words; lifts the numbers above all that the lost file may have
had; and takes the incarnation away, so that a runner which still has that file open commits nothing that counts. A crash
before it finds the loss again. After it there is nothing to lose until the next runner has made a file, and what people are
told is owed in that same commit.
"""

from __future__ import annotations

from host.mailbox import remaking
from host.mailbox.inbound import InboundWriter
from host.mailbox.remaking import BEFORE
from host.registry.notices import Notice
from host.registry.sessions import Session
from host.words import Sentence, joined, mark, say
from sessiondb import MessageIn, Status, content
from sessiondb.contract import OUTBOUND_KNOWN
from sessiondb.signals import read_heartbeat

SEEN = "outbound_of"  # the incarnation that the file named, at the latest look before a start
SINCE = (
    "outbound_since"  # those that had been started by then or were since: each may have named itself in it
)
MOST_SINCE = 20
PARTED = "outbound_parted"  # the incarnation whose heartbeat the latest loss left behind
LOST = mark("the record of what was done for it is lost")


def before_a_start(writer: InboundWriter, session: Session) -> None:
    """Takes part in the transaction that assigns a runner."""
    if was_there(writer, session):
        writer.set_value(OUTBOUND_KNOWN, "yes")  # its runner makes no other
    since = [*writer.value(SINCE).split(), writer.value("incarnation")]
    writer.set_value(SINCE, " ".join(filter(None, since[-MOST_SINCE:])))
    writer.set_value(remaking.RESTED, "")


def after_an_end(writer: InboundWriter) -> None:
    """Its runner is gone, and what it wrote is read: what comes in from now on nobody has begun."""
    writer.set_value(remaking.RESTED, str(writer.mark("seq_high_water")))


def was_there(writer: InboundWriter, session: Session) -> bool:
    """Whether this session had an outbound.db since it was last lost."""
    if (
        session.read
        or writer.value(OUTBOUND_KNOWN)
        or writer.value(SEEN)
        or writer.mark("outbound_read") > writer.mark(BEFORE)
    ):
        return True
    return _beat(writer, session) != ""


def is_another(writer: InboundWriter, session: Session, found: str) -> bool:
    """Whether the file that is there was put or made in the place of the session's own; `found`: the incarnation it names, ''
    when none. A runner names itself in the file before its heart beats; of the latest one that may be all."""
    seen = {writer.value(SEEN), _beat(writer, session)} - {""}
    own = {*seen, *writer.value(SINCE).split(), writer.value("incarnation")} - {""}
    return bool(seen) and found not in own


def look(writer: InboundWriter, found: str) -> None:
    """Before a start: the file is the session's own."""
    if found != writer.value(SEEN):
        with writer.writing():
            writer.set_value(SEEN, found)
            writer.set_value(SINCE, "")


def _beat(writer: InboundWriter, session: Session) -> str:
    """The runner whose heart beat here since the file was last lost; '' when none."""
    beat = read_heartbeat(session.folder.heartbeat)
    return "" if beat is None or beat.incarnation == writer.value(PARTED) else beat.incarnation


def begin_anew(writer: InboundWriter, session: Session, now: int, instead: str = "") -> int | None:
    """Returns the highest seq that may have been in use; None when there was no file to lose. `instead`: the incarnation that
    the file names which is there instead of it."""
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
        for key in (OUTBOUND_KNOWN, SINCE, "incarnation"):
            writer.set_value(key, "")
        writer.set_value(SEEN, instead)
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
        text = joined(" ", [_lost(session), _UNFINISHED, _FORGOTTEN])
        about = f"damaged:{session.id}:{last.id}"
        notice = Notice(about, address, text, answers=last.platform_message_id)
        writer.owe(about, notice.encode())
        writer.note(about, address, content.System("note", _TOLD, ok=False))
    if not wanted:
        about = remaking.notice_of(session.id, now)
        text = joined(" ", [_lost(session), _FORGOTTEN])
        writer.owe(about, Notice(about, session.place, text).encode())
        writer.note(f"{about}:gone", session.place, content.System("note", _TOLD, ok=False))


def _lost(session: Session) -> Sentence:
    return say("⚠️ My records of this conversation were lost ({id}).", id=session.id[:9])


_UNFINISHED = say(
    "What was not answered here is not begun again, for nobody knows how far it got: please ask again."
)
_FORGOTTEN = say("I do not remember what was said before.")
_TOLD = "Your record of this conversation was lost: what was said and done before is not known to you."

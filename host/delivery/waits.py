"""The model API asks to be left alone until some time: the message waits so long, at no cost, and the person knows (law 15)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from host.delivery.policy import HORIZON
from host.mailbox.inbound import InboundWriter
from host.mailbox.outbound import OutboundReader
from host.registry.notices import Notice
from host.words import say
from sessiondb import content
from sessiondb.records import Ack, AckStatus, MessageIn

SINCE = "waits"  # a value of the session: "<ms UTC> <turn>", since when that turn has been put off
SAID_AGAIN = 3_600_000  # ms between two lines about one turn


def asked_for(reader: OutboundReader, acks: Sequence[Ack], now: int) -> Mapping[str, int]:
    """Until when (ms UTC) messages are to wait, by their id; a runner that lies delays but its own."""
    again = [ack for ack in acks if ack.status is AckStatus.RETRY]
    if not again:
        return {}
    turn, until = reader.waits()
    return {ack.message_id: min(until, now + HORIZON) for ack in again if until and ack.turn == turn}


def put_off(writer: InboundWriter, message: MessageIn, ack: Ack, until: int, now: int) -> bool:
    """Whether it waits until then; not for ever: after `HORIZON` of such waits its attempts count like any other."""
    if not until or not _may_wait(writer, ack.turn, now):
        return False
    # Never 0: what comes after it at its address would overtake it. A crash before this commit finds the same words again.
    writer.postpone(message.id, max(1, message.attempts), until, ack.error)
    if message.trigger and until > now:
        text = say(
            "⏳ The model asks us to wait until {time}. I go on by myself then.", time=_there(message, until)
        )
        about = f"waits:{ack.turn}:{until // SAID_AGAIN}"
        notice = Notice(about, message.address, text, answers=message.platform_message_id)
        writer.owe(notice.about, notice.encode())
    return True


def _may_wait(writer: InboundWriter, turn: str, now: int) -> bool:
    began, _, whose = writer.value(SINCE).partition(" ")
    if whose != turn or int(began) > now:  # the clock was set back since
        writer.set_value(SINCE, f"{now} {turn}")
        return True
    return now - int(began) <= HORIZON


def _there(message: MessageIn, at: int) -> str:
    """By the person's own clock, where their zone is known; rounded up to a minute."""
    body = content.decode_inbound(message.content)
    minute = (at + 59_999) // 60_000 * 60
    name = body.zone if isinstance(body, content.Chat) else ""
    try:
        if name:
            return f"{datetime.fromtimestamp(minute, ZoneInfo(name)):%H:%M}"
    except (ZoneInfoNotFoundError, ValueError, OSError):
        pass
    return f"{datetime.fromtimestamp(minute, UTC):%H:%M} UTC"

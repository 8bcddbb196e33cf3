"""What people are told in place of an answer that did not reach them."""

from __future__ import annotations

from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import Parcel
from host.registry.notices import Notice
from host.words import say
from sessiondb.records import Address, MessageIn


def unreadable(asked: MessageIn) -> Notice:
    """Nothing but quarantined rows answered it: the person who asked is not left in silence."""
    text = say(
        "⚠️ An answer to this was not fit to be sent; an operator can see why ({id}).",
        id=asked.id[:9],
    )
    return Notice(f"unreadable:{asked.id}", asked.address, text, answers=asked.platform_message_id)


def homeless(id_: str, place: Address) -> Notice:
    """What it answers was lost with the host's records of this conversation: said once, however many its parts were."""
    text = say("⚠️ A part of my answer was lost with this conversation's records ({id}).", id=id_[:9])
    return Notice(f"homeless:{id_}", place, text)


def undelivered(parcel: Parcel, session_id: str, now: int) -> Notice:
    """What is given up is visible where it was expected, once for each message that was answered, and once a day for what
    answers none; a notice that fails causes no other."""
    text = say("⚠️ A part of my answer could not be delivered here ({id}).", id=parcel.key[:6])
    of = parcel.in_reply_to or f"{session_id}:{now // 86_400_000}"
    return Notice(":".join(("undelivered", of, *parcel.address[2:])), parcel.address, text)


def owe(writer: InboundWriter, notice: Notice) -> None:
    writer.owe(notice.about, notice.encode())

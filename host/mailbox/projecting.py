"""What the ledger knows and a session's inbound.db does not yet: written there with whatever is written there next.

Nothing is lost meanwhile. A crash before that commit finds the file with the chunk still open, and what is open there is asked
for in the ledger when the file is next opened. A crash after it, the same: it is written again, which changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import apsw

from host.mailbox import questions
from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import PARCEL, Entry, Parcel, parcel_of
from sessiondb import content
from sessiondb.records import Address


def bring(writer: InboundWriter, entries: Sequence[Entry], now: int) -> None:
    """An errand: takes part in the transaction of whoever writes next. The agent is told of what was not delivered."""
    writer.project(entries)
    for parcel, _ in entries:
        if parcel.state == "failed":
            tell_failed(writer, parcel, now)
    writer.advance_watermark()


def answering(inbound: apsw.Connection, message_id: str) -> list[Entry]:
    """What a file has of what answers a message, for those who read it beside the host; the ledger may know more."""
    sql = f"SELECT updated_at, {PARCEL} FROM delivered WHERE in_reply_to = ? AND in_reply_to <> ''"
    return [(parcel_of(row), int(str(at))) for at, *row in inbound.execute(sql, (message_id,))]


def tell(writer: InboundWriter, out_id: str, address: Address, text: str) -> None:
    """Feedback for the agent, as context of its next turn."""
    writer.note(f"{out_id}:feedback", address, content.System("delivery", text, ok=False, refers_to=out_id))


def tell_failed(writer: InboundWriter, parcel: Parcel, now: int) -> None:
    """Where the agent was asked: at a destination elsewhere it has no turn that would hear of it."""
    asked = writer.message(parcel.in_reply_to) if parcel.in_reply_to else None
    address = asked.address if asked else parcel.address
    if writer.asks(parcel.message_out_id):
        questions.not_asked(writer, parcel.message_out_id, address, parcel.error, now)
    tell(writer, parcel.message_out_id, address, f"Not delivered: {parcel.error}.")

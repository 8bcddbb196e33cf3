"""An answer that gives way to a newer one: its chunks are removed, each with an intent and a receipt, after the newer one stands.

They are chunks of the newer answer's own row, behind its words and in its lane. A crash before the row is read leaves the old
answer; after it, whatever was not removed yet is open in the ledger and is removed at the next start. A removal is the same
however often it is made, so one whose outcome is unknown is simply made again. Where the newer answer could not be shown whole,
the old one stays.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from host.delivery.calls import outcome
from host.mailbox.inbound import InboundWriter
from host.mailbox.outbound import Accepted
from host.mailbox.rows import Parcel
from host.ports.bot import Bot, Bots, Receipt, Rejected, Removes
from sessiondb import content
from sessiondb.records import MessageIn

_REMOVES = '{"removes": '
STAYS = "what was to take its place is not shown whole"


def ends_turn(row: Accepted) -> bool:
    """Whether it is the answer, and no message on the way to it or to another place."""
    return isinstance(row.content, content.Text) and row.content.ends_turn and not row.row.destination


def removals(
    writer: InboundWriter,
    row: Accepted,
    origin: MessageIn | None,
    shown: Sequence[Parcel],
    bots: Bots,
    key: Callable[[int], str],
) -> list[Parcel]:
    """Of the answer that the row of the chunks `shown` takes the place of; behind them."""
    if not ends_turn(row) or not shown or any(parcel.state != "pending" for parcel in shown):
        return []
    asked = content.decode_inbound(origin.content) if origin is not None and origin.kind == "chat" else None
    replaced = asked.replaces if isinstance(asked, content.Chat) else ""
    bot = bots.get(shown[0].address.channel_type)
    if not replaced or not isinstance(bot, Removes):
        return []
    writer.catch_up()
    old = [p for p in writer.parcels_of(replaced) if p.state == "sent" and p.platform_message_id]
    last = shown[-1]
    return [
        replace(
            last,
            chunk=len(shown) + number,
            key=key(len(shown) + number),
            address=parcel.address,
            payload=json.dumps({"removes": parcel.platform_message_id, "after": len(shown)}),
        )
        for number, parcel in enumerate(old)
        if parcel.address == last.address
    ]


def is_removal(parcel: Parcel) -> bool:
    return parcel.payload.startswith(_REMOVES)


def after(parcel: Parcel) -> int:
    """How many chunks must stand before it."""
    return int(json.loads(parcel.payload)["after"])


async def remove(bot: Bot, parcel: Parcel) -> Receipt:
    """Raises `DeliveryError`."""
    if not isinstance(bot, Removes):
        raise Rejected("nothing can be taken back here")
    return await outcome(_removed(bot, parcel))


async def _removed(bot: Removes, parcel: Parcel) -> Receipt:
    await bot.remove(parcel.address, str(json.loads(parcel.payload)["removes"]))
    return Receipt("")

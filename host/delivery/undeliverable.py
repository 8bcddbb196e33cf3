"""An answer that cannot be said in its place, nor that it cannot: the place is closed. Whoever asked is told alone.

Not the answer itself: it goes where the question came from and nowhere else (law 7).
"""

from __future__ import annotations

from host.registry import notices, places
from host.registry.notices import Notice
from host.registry.port import Statements
from host.words import known, say
from sessiondb.records import Address

UNDELIVERED = "undelivered:"  # before the message that was answered, then the place


def tell(connection: Statements, notice_id: int, now: int) -> None:
    """Of a notice that failed; of any but one about an answer, nobody hears: no failure causes another notice."""
    row = connection.execute(_NOTICE, (notice_id,)).fetchone()
    if row is None:
        return
    about, error, *place = map(str, row)
    message_id = about.removeprefix(UNDELIVERED).partition(":")[0]
    asked = connection.execute(_ASKED, (message_id,)).fetchone()
    if asked is None or asked[0] is None or asked[1] == "dm" or asked[2]:
        return
    address = Address(*place)
    where = places.called(connection, address)
    text = say(
        "⚠️ I have an answer to what you asked in {place}, and I cannot write there any more: {reason}. Ask me again where I"
        " can, also here.",
        place=f"#{where}" if where else say("a channel"),
        reason=known(error) if error else say("it is refused"),
    )
    alone = notices.direct(address.channel_type, address.workspace_id)
    notices.add(connection, Notice(f"unanswered:{message_id}", alone, text, private_to=str(asked[0])), now)


_NOTICE = (
    "SELECT about, error, channel_type, workspace_id, platform_id, thread_id FROM notices"
    f" WHERE id = ? AND about LIKE '{UNDELIVERED}%' AND platform_id <> '' AND chunk = 0"
)
_ASKED = (
    "SELECT event ->> '$.event.author.id', event ->> '$.event.privacy', event ->> '$.event.author.is_bot' FROM inbox"
    " WHERE message_id = ? AND emptied = 0"
)

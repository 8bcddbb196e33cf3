"""An answer that cannot be said in its place, nor that it cannot: the place is closed. Whoever asked is told alone.

Not the answer itself: it goes where the question came from and nowhere else (law 7).
"""

from __future__ import annotations

from host.registry import notices, places
from host.registry.notices import Notice
from host.registry.port import Statements
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
    text = (
        f"⚠️ I have an answer to what you asked in {f'#{where}' if where else 'a channel'}, and I cannot write there any more:"
        f" {error or 'it is refused'}. Ask me again where I can, also here."
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

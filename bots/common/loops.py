"""Two bots that mention each other would talk for ever: a person has to say something in between."""

from __future__ import annotations

from collections import OrderedDict

from host.ports.events import InboundEvent
from sessiondb import Address

MOST_IN_A_ROW = 5  # messages of other bots in one place without a person's
MOST_PLACES = 2_000


class Chatter:
    """Counts other bots' messages per thread since a person last wrote there."""

    def __init__(self) -> None:
        self._in_a_row: OrderedDict[Address, int] = OrderedDict()

    def is_a_loop(self, event: InboundEvent) -> bool:
        """Call once per message, in order."""
        place = event.address._replace(thread_id=event.address.thread_id or event.opens_thread)
        if not event.author.is_bot:
            self._in_a_row.pop(place, None)
            self._in_a_row.pop(event.address, None)
            return False
        count = self._in_a_row.get(place, 0) + 1
        self._in_a_row[place] = count
        self._in_a_row.move_to_end(place)
        if len(self._in_a_row) > MOST_PLACES:
            self._in_a_row.popitem(last=False)
        return count > MOST_IN_A_ROW

"""What the disk does here and now: E, single-row commits a second of one connection; and a trip's own commits, back to back."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from bench.serving import PLACE, event, now_ms
from host.delivery import policy
from host.intake import inbox
from host.mailbox.inbound import InboundWriter
from host.mailbox.rows import NewMessage, Parcel
from host.registry import sessions
from host.registry.db import open_host_db
from host.registry.notices import mint_key
from runner.inbound import InboundReader
from runner.outbound import Emitted, OutboundWriter
from sessiondb import SessionFolder, Status, content
from sessiondb.connection import open_writer, transaction


def singles(folder: Path, count: int) -> list[float]:
    """Seconds of each, in the product's own mode for session files: DELETE, EXTRA."""
    folder.mkdir(parents=True)
    path = folder / "inbound.db"
    connection = open_writer(path, "inbound")
    seconds = []
    for number in range(count):
        began = time.perf_counter()
        with transaction(connection, path):
            connection.execute("INSERT OR REPLACE INTO session VALUES ('key', ?)", (str(number),))
        seconds.append(time.perf_counter() - began)
    connection.close()
    return seconds


class Trip:
    """The five commits of a trip, the same statements with nothing between them."""

    def __init__(self, data: Path) -> None:
        self._folder = SessionFolder(data / "session")
        self._folder.create()
        self._registry = open_host_db(data / "host.db")
        self._inbound = InboundWriter(self._folder.inbound_db, now_ms)
        with self._inbound.writing():
            self._inbound.set_value("incarnation", "floor")
        self._reader = InboundReader(self._folder.inbound_db)
        self._outbound = OutboundWriter(self._folder.outbound_db, self._reader, "floor", now_ms)
        self._data = data
        self._number = 0

    def once(self) -> float:
        """Inbox, inbound row, claim, reply with acknowledgement, intent. Seconds."""
        self._number += 1
        one = event(str(self._number))
        began = time.perf_counter()
        with transaction(self._registry, self._data):
            id_ = sessions.upsert(self._registry, "default", PLACE, "scope", now_ms())
            inbox.add(self._registry, one, id_, PLACE, trigger=True, trusted=True, now=now_ms())
        with self._inbound.writing():
            self._inbound.insert(NewMessage(one.message_id, "chat", PLACE, content.Chat(one.text), one.at))
        [message] = self._inbound.pending()
        turn = f"turn-{self._number}"
        self._outbound.claim([message], turn)
        answer = Emitted(f"{turn}:final:0", content.Text(one.text), message.id)
        self._outbound.finish_turn(turn, [answer], [message.id], ())
        parcel = Parcel(answer.id, 0, self._number * 2 + 1, mint_key(), "pending", PLACE, "{}", message.id)
        with self._inbound.writing():
            self._inbound.put_parcels([policy.intended(parcel, now_ms())])
            self._inbound.settle(message.id, Status.COMPLETED)
        return time.perf_counter() - began


def prepared(data: Path) -> Callable[[], float]:
    data.mkdir(parents=True)
    return Trip(data).once

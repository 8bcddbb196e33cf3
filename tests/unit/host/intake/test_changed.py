"""What is offered to whoever changes a question that was answered."""

from __future__ import annotations

from pathlib import Path

from host.intake import changed
from host.ports.events import EventClass
from host.registry.db import open_host_db
from tests.fakes.platform import MemoryBot


def test_an_answer_of_which_there_are_more_parts_by_now_is_the_one_that_was_offered_to_be_tried_again(
    tmp_path: Path,
) -> None:
    """A file that was made again has its changes stored once more: people were told a second time."""
    asked = MemoryBot().event("c", "hello")
    about = {"event_class": EventClass.EDIT, "platform_message_id": asked.platform_message_id}
    change = MemoryBot().event("c", "hello there", **about)
    connection = open_host_db(tmp_path / "host.db")
    try:
        for last_part in ("aa", "bb"):
            assert changed.offer(connection, change, asked.address, 1, {asked.message_id: last_part})
        assert connection.execute("SELECT count(DISTINCT about) FROM notices").fetchall() == [(1,)]
    finally:
        connection.close()

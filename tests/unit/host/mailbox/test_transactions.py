"""What an open inbound.db remembers, and forgets with what is undone."""

from __future__ import annotations

from contextlib import suppress

import apsw
import pytest

from host.mailbox.inbound import InboundWriter
from host.registry.sessions import Session


def test_a_value_that_was_undone_is_not_remembered(writer: InboundWriter) -> None:
    with writer.writing():
        writer.raise_mark("read", 2)
        with suppress(ValueError), writer.alone():
            writer.raise_mark("read", 4)
            assert writer.mark("read") == 4
            raise ValueError("it breaks")
        assert writer.mark("read") == 2
    with suppress(ValueError), writer.writing():
        writer.raise_mark("read", 6)
        assert writer.mark("read") == 6
        raise ValueError("it breaks")
    assert writer.mark("read") == 2


def test_what_was_written_before_a_part_that_breaks_is_kept_and_so_is_what_comes_after(
    writer: InboundWriter, session: Session
) -> None:
    with writer.writing():
        writer.set_value("before", "a")
        with suppress(ValueError), writer.alone():
            writer.set_value("before", "b")
            writer.set_value("within", "b")
            raise ValueError("it breaks")
        with writer.alone():
            writer.set_value("whole", "c")
        writer.set_value("after", "d")
        writer.set_value("after", "e")
    other = InboundWriter(session.folder.inbound_db, lambda: 1)
    found = {key: other.value(key) for key in ("before", "within", "whole", "after")}
    other.close()
    assert found == {"before": "a", "within": "", "whole": "c", "after": "e"}


def test_a_value_that_is_written_outside_of_a_transaction_is_there_at_once(
    writer: InboundWriter, session: Session
) -> None:
    writer.set_value("read", "2")
    other = InboundWriter(session.folder.inbound_db, lambda: 1)
    assert other.value("read") == "2"
    other.close()


def test_a_value_that_was_refused_is_not_believed_and_not_written_by_a_later_transaction(
    writer: InboundWriter, session: Session
) -> None:
    writer.set_value("read", "2")
    reader = apsw.Connection(str(session.folder.inbound_db))
    writer._connection.set_busy_timeout(1)
    reader.execute("BEGIN; SELECT * FROM session")
    with pytest.raises(apsw.BusyError):
        writer.set_value("read", "4")
    reader.execute("COMMIT")
    reader.close()
    assert writer.value("read") == "2"
    with writer.writing():
        writer.set_value("other", "1")
    assert writer.value("read") == "2"


def test_what_is_written_after_a_look_is_seen_by_the_next(writer: InboundWriter) -> None:
    with writer.reading():
        assert writer.mark("read") == 0
        with writer.writing():
            writer.raise_mark("read", 2)
        assert writer.mark("read") == 2
    with writer.reading():
        assert writer.mark("read") == 2


def test_a_look_keeps_no_lock_when_it_breaks(writer: InboundWriter, session: Session) -> None:
    other = InboundWriter(session.folder.inbound_db, lambda: 1)
    with suppress(ValueError), writer.reading():
        writer.pending()
        raise ValueError("it breaks")
    with other.writing():
        other.raise_mark("read", 2)
    other.close()
    assert writer.mark("read") == 2


def test_an_errand_is_done_before_a_look_that_it_may_change(writer: InboundWriter) -> None:
    writer.take_along(lambda writer: writer.raise_mark("read", 2))
    with writer.reading():
        assert writer.mark("read") == 0
        writer.catch_up()
        assert writer.mark("read") == 2


def test_a_value_is_read_once_as_long_as_nothing_is_undone(writer: InboundWriter) -> None:
    asked: list[str] = []
    writer._connection.exec_trace = lambda _, sql, __: not asked.append(sql)  # type: ignore[func-returns-value]
    with writer.writing():
        writer.raise_mark("read", 2)
    for _ in range(3):
        with writer.reading():
            assert writer.mark("read") == 2
    assert sum("FROM session" in sql for sql in asked) == 1
    with suppress(ValueError), writer.writing():
        writer.raise_mark("read", 4)
        raise ValueError("it breaks")
    assert writer.mark("read") == 2
    assert sum("FROM session" in sql for sql in asked) == 2

"""Writing inbound.db, the host's file of one session. The runner has no class for this, and no mount.

Every public method that writes takes part in `writing()`: the caller decides what commits together.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

from host.mailbox import bounds, rows, shape
from host.mailbox.bounds import FREE_OF_COST, Bounds
from host.mailbox.rows import PARCEL, Entry, LiveRow, NewMessage, Parcel, Question, parcel_of, parcel_row
from host.mailbox.tasks import Fired, Tasks
from host.mailbox.transactions import Transactions
from host.words import moment
from sessiondb import connection as sqlite
from sessiondb import content, seq
from sessiondb.errors import Damaged
from sessiondb.records import MESSAGE_IN_COLUMNS, Address, Destination, MessageIn, Status, message_in

_LIVE = (
    "message_id, attempt, state, key, channel_type, workspace_id, platform_id, thread_id, answers, asked_by, opened_at,"
    " platform_message_id"
)


class InboundWriter(Transactions):
    def __init__(self, path: Path, now: Callable[[], int]) -> None:
        super().__init__(path, now)
        self.tasks = Tasks(self._connection, now)
        self.bounds = Bounds(self._connection)

    # ── messages ─────────────────────────────────────────────────────────────────────────────────────────

    def insert(self, message: NewMessage) -> bool:
        """False when the message is there already: the id is the key's hash, so a replay changes nothing."""
        if self._one("SELECT 1 FROM messages_in WHERE id = ?", message.id) is not None:
            return False
        number = seq.next_seq("even", self._max("messages_in"), self.mark("seq_high_water"))
        self._connection.execute(
            f"INSERT INTO messages_in ({MESSAGE_IN_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number,
                message.id,
                message.kind,
                Status.PENDING,
                int(message.trigger),
                message.created_at,
                message.not_before,
                0,
                *message.address,
                message.platform_message_id,
                message.author_id,
                message.task_id,
                message.occurrence_at,
                content.encode(message.content),
            ),
        )
        self.raise_mark("seq_high_water", number)
        return True

    def message(self, id_: str) -> MessageIn | None:
        found = self._messages("id = ?", id_)
        return found[0] if found else None

    def note(self, id_: str, address: Address, told: content.System) -> None:
        """Tells the agent something as context of its next turn, unless it has left too much unread."""
        new = NewMessage(id_[:190], "system", address, bounds.told(told), self._now(), trigger=False)
        if self.bounds.may_note() and self.insert(new):
            self.bounds.noted(new.id)

    def status_of(self, id_: str) -> str:
        """'' for a message that is not there."""
        return str(self._one("SELECT status FROM messages_in WHERE id = ?", id_) or "")

    def message_on_platform(self, address: Address, platform_message_id: str) -> MessageIn | None:
        found = self._messages(
            "platform_message_id = ? AND platform_message_id <> '' AND platform_id = ?"
            " ORDER BY status = 'cancelled', seq LIMIT 1",
            platform_message_id,
            address.platform_id,
        )
        return found[0] if found else None

    def is_on_platform(self, address: Address, platform_message_id: str) -> bool:
        """Whether there is any message that stands there under this id."""
        sql = "SELECT 1 FROM messages_in WHERE platform_message_id = ? AND platform_message_id <> '' AND platform_id = ? LIMIT 1"
        return self._one(sql, platform_message_id, address.platform_id) is not None

    def pending(self) -> list[MessageIn]:
        return self._messages("status = 'pending' ORDER BY seq")

    def wanting(self) -> list[MessageIn]:
        """Pending messages that want an answer, in order; not what only ends an open question."""
        return [m for m in self.pending() if m.trigger and (m.kind != "system" or m.author_id)]

    def next_due_at(self) -> int | None:
        """When the next message that wakes is due, ms UTC; None when there is none."""
        sql = "SELECT min(not_before) FROM messages_in WHERE status = 'pending' AND \"trigger\" = 1"
        found = self._one(sql)
        return found if isinstance(found, int) else None

    def people_wait(self) -> bool:
        """Whether something else than a task wants an answer."""
        sql = (
            "SELECT 1 FROM messages_in WHERE status = 'pending' AND \"trigger\" = 1 AND task_id = '' LIMIT 1"
        )
        return self._one(sql) is not None

    def replace_content(self, id_: str, new: content.Inbound) -> None:
        self._connection.execute(
            "UPDATE messages_in SET content = ? WHERE id = ?", (content.encode(new), id_)
        )

    def settle(self, id_: str, status: Status, error: str = "") -> None:
        """The outcome of a message that is still pending."""
        sql = (
            "UPDATE messages_in SET status = ?, error = ?, settled_at = ? WHERE id = ? AND status = 'pending'"
            " RETURNING task_id"
        )
        if task := self._one(sql, status, error[:500], self._now(), id_):
            notice = self.tasks.ended(str(task), id_, status, error)
            if notice is not None:
                self.owe(notice.about, notice.encode())

    def run_task(
        self, fired: Fired, begun_by: str = "", attachments: tuple[content.Attachment, ...] = ()
    ) -> None:
        """The message of an occurrence, in the transaction that moves its task on."""
        task = fired.task
        due = moment(fired.occurrence, task.schedule.zone)
        self.insert(
            NewMessage(
                id=fired.message_id,
                kind="task",
                address=task.address,
                content=content.Task(
                    task.prompt,
                    task.title,
                    due,
                    fired.stands_for,
                    task.script,
                    promised=fired.occurrence + task.window if task.window and not fired.out_of_turn else 0,
                    promised_in=task.schedule.zone if task.window else "",
                    begun_by=begun_by,
                    attachments=attachments,
                ),
                created_at=self._now(),
                author_id=task.owner,
                task_id=task.id,
                occurrence_at=fired.occurrence,
            )
        )

    def postpone(self, id_: str, attempts: int, not_before: int, error: str = "") -> None:
        sql = "UPDATE messages_in SET attempts = ?, not_before = ?, error = ? WHERE id = ? AND status = 'pending'"
        self._connection.execute(sql, (attempts, not_before, error[:500], id_))

    def bring_forward(self, id_: str, new: content.Inbound, now: int) -> None:
        """A message that still waits for its time is due now, and says this instead."""
        sql = "UPDATE messages_in SET content = ?, not_before = ? WHERE id = ? AND status = 'pending' AND not_before > ?"
        self._connection.execute(sql, (content.encode(new), now, id_, now))

    def error_of(self, id_: str) -> str:
        return str(self._one("SELECT error FROM messages_in WHERE id = ?", id_) or "")

    # ── deliveries ───────────────────────────────────────────────────────────────────────────────────────

    def put_parcels(self, parcels: Sequence[Parcel]) -> None:
        """Upserts the state of these chunks; a terminal one no longer needs its payload."""
        self.project([(parcel, self._now()) for parcel in parcels])

    def project(self, entries: Sequence[Entry]) -> None:
        """As the ledger has them. What is over stays as it is: an older state may come later, from a look made before."""
        free = [p for p, _ in entries if p.state in FREE_OF_COST and p.chunk == 0 and not self._is(p)]
        self._connection.executemany(
            f"INSERT INTO delivered ({PARCEL}, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (message_out_id, chunk) DO UPDATE SET state = excluded.state, payload = excluded.payload,"
            " platform_message_id = excluded.platform_message_id, attempts = excluded.attempts,"
            " lookups = excluded.lookups, next_attempt_at = excluded.next_attempt_at,"
            " first_attempt_at = excluded.first_attempt_at, error = excluded.error, updated_at = excluded.updated_at"
            " WHERE delivered.state IN ('pending', 'sending', 'unknown')",
            [(*parcel_row(parcel), at) for parcel, at in entries],
        )
        for parcel in free:
            self.bounds.received(parcel.message_out_id)

    def entries(self, after: tuple[str, int], most: int) -> list[Entry]:
        """What was begun to be sent, in the order of the rows' ids, after this chunk of a row."""
        sql = (
            f"SELECT updated_at, {PARCEL} FROM delivered WHERE (message_out_id, chunk) > (?, ?)"
            " AND state IN ('sending', 'unknown', 'sent', 'failed') ORDER BY message_out_id, chunk LIMIT ?"
        )
        return [(parcel_of(row), int(str(at))) for at, *row in self._wide(sql, *after, most)]

    def open_parcels(self) -> list[Parcel]:
        """What is to be delivered, in order. A clock that was set back since makes no wait longer than it was to be."""
        self.catch_up()
        sql = (
            f"SELECT max(0, updated_at - ?), {PARCEL} FROM delivered"
            " WHERE state IN ('pending', 'sending', 'unknown') ORDER BY seq, chunk"
        )
        found = [(ahead, parcel_of(row)) for ahead, *row in self._wide(sql, self._now())]
        return [replace(p, next_attempt_at=p.next_attempt_at - int(str(ahead))) for ahead, p in found]

    def states_answering(self, message_id: str, address: Address) -> set[str]:
        """Of what answers the message, at this address."""
        self.catch_up()
        sql = (
            "SELECT state FROM delivered WHERE in_reply_to = ? AND in_reply_to <> '' AND channel_type = ?"
            " AND workspace_id = ? AND platform_id = ? AND thread_id = ?"
        )
        return {str(state) for (state,) in self._connection.execute(sql, (message_id, *address)).fetchall()}

    def parcels_of(self, message_out_id: str) -> list[Parcel]:
        """The chunks of a row, in whatever state the file has them."""
        if self._one("SELECT 1 FROM delivered WHERE message_out_id = ? LIMIT 1", message_out_id) is None:
            return []  # as of nearly every row that is read: the wide look is prepared each time
        return self._parcels("message_out_id = ? ORDER BY chunk", message_out_id)

    def having_chunks(self, ids: Sequence[str]) -> set[str]:
        """Those of these rows that the file has chunks of."""
        if not ids:
            return set()
        marks = ",".join("?" * len(ids))
        sql = f"SELECT DISTINCT message_out_id FROM delivered WHERE message_out_id IN ({marks})"
        found = self._connection.execute(sql, tuple(ids), can_cache=len(ids) == 1).fetchall()
        return {str(id_) for (id_,) in found}

    def platform_id_of(self, message_id: str) -> tuple[str, Address] | None:
        """The platform's id and the address of a message of this session, in or out."""
        self.catch_up()
        row = self._connection.execute(
            "SELECT platform_message_id, channel_type, workspace_id, platform_id, thread_id FROM messages_in WHERE id = ?1"
            " UNION ALL SELECT platform_message_id, channel_type, workspace_id, platform_id, thread_id FROM delivered"
            " WHERE message_out_id = ?1 AND state = 'sent' LIMIT 1",
            (message_id,),
        ).fetchone()
        if row is None or not row[0]:
            return None
        return str(row[0]), Address(*map(str, row[1:]))

    # ── questions ────────────────────────────────────────────────────────────────────────────────────────

    def put_question(self, asked: Question) -> None:
        audience, approval = json.dumps(asked.audience), int(asked.approval)
        self._connection.execute(
            "INSERT OR IGNORE INTO questions VALUES (?, ?, ?, ?, ?, ?)",
            (asked.row_id, asked.key, audience, asked.expires_at, approval, asked.answered_by),
        )

    def question(self, key: str) -> Question | None:
        """None when this session asked nothing under that key."""
        return self._question("SELECT * FROM questions WHERE key = ?", key)

    def asked(self, row_id: str) -> Question | None:
        """By its row of messages_out."""
        return self._question("SELECT * FROM questions WHERE message_out_id = ?", row_id)

    def _question(self, sql: str, of: str) -> Question | None:
        row = self._connection.execute(sql, (of,)).fetchone()
        if row is None:
            return None
        row_id, key, audience, expires_at, approval, answered_by = row
        return Question(
            str(row_id),
            str(key),
            tuple(json.loads(str(audience))),
            int(str(expires_at)),
            bool(approval),
            str(answered_by),
        )

    def asks(self, row_id: str) -> bool:
        """Whether this row of messages_out is a question."""
        return self._one("SELECT 1 FROM questions WHERE message_out_id = ?", row_id) is not None

    def answer_question(self, row_id: str, answer_id: str) -> None:
        """The first answer stays."""
        sql = "UPDATE questions SET answered_by = ? WHERE message_out_id = ? AND answered_by = ''"
        self._connection.execute(sql, (answer_id, row_id))

    def close_question(self, row_id: str, now: int) -> None:
        """Nobody may answer it any more."""
        sql = "UPDATE questions SET expires_at = ? WHERE message_out_id = ? AND answered_by = ''"
        self._connection.execute(sql, (now, row_id))

    def close_questions(self, now: int) -> None:
        """Nobody waits for an answer any more."""
        sql = "UPDATE questions SET expires_at = ? WHERE answered_by = '' AND (expires_at = 0 OR expires_at > ?)"
        self._connection.execute(sql, (now, now))

    def advance_watermark(self) -> int:
        """The watermark passes only terminal rows: everything read, up to the first chunk that is still open."""
        first_open = self._one(
            "SELECT min(seq) FROM delivered WHERE state IN ('pending', 'sending', 'unknown')"
        )
        read = self.mark("outbound_read")
        watermark = min(read, first_open - 1) if isinstance(first_open, int) else read
        self.raise_mark("delivery_watermark", watermark)
        return watermark

    # ── live messages ────────────────────────────────────────────────────────────────────────────────────

    def put_live(self, row: LiveRow) -> None:
        """Upserts the row; one that was shown for another message until now is taken over, by its key.

        The index `live_open` refuses a second open one at an address.
        """
        self._connection.execute(
            "DELETE FROM live WHERE message_id = ? OR key = ?", (row.message_id, row.key)
        )
        self._connection.execute(
            f"INSERT INTO live ({_LIVE}, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.message_id,
                row.attempt,
                row.state,
                row.key,
                *row.address,
                row.answers,
                row.asked_by,
                row.opened_at,
                row.platform_message_id,
                self._now(),
            ),
        )

    def open_live(self) -> list[LiveRow]:
        """What may be on the platform and is not known to be gone, of any address."""
        sql = f"SELECT {_LIVE} FROM live WHERE state IN ('intended', 'shown')"
        return [rows.live_row(row) for row in self._connection.execute(sql).fetchall()]

    def has_open_parcels(self, address: Address) -> bool:
        """Whether something is on its way to this address."""
        self.catch_up()
        sql = (
            "SELECT 1 FROM delivered WHERE state IN ('pending', 'sending', 'unknown') AND channel_type = ?"
            " AND workspace_id = ? AND platform_id = ? AND thread_id = ? LIMIT 1"
        )
        return self._one(sql, *address) is not None

    # ── retention ────────────────────────────────────────────────────────────────────────────────────────

    def forgettable(self, before: int, *, context: bool, most: int) -> list[str]:
        """Ids of messages that have been over since before; with `context` also of older ones that wake nobody."""
        self.catch_up()
        rows = self._connection.execute(_FORGETTABLE, (before, int(context), most)).fetchall()
        return [str(id_) for (id_,) in rows]

    def forget_messages(self, ids: Iterable[str]) -> None:
        """The high-water mark of seq is kept apart and survives."""
        self._connection.executemany("DELETE FROM messages_in WHERE id = ?", [(id_,) for id_ in ids])

    def forget_deliveries(self, before: int, *, most: int) -> int:
        """Receipts below the watermark with the questions they are of, and live messages that are gone; returns how many
        receipts went."""
        self._connection.execute(
            "DELETE FROM live WHERE state IN ('removed', 'failed') AND updated_at < ?", (before,)
        )
        self._connection.execute(_FORGET_DELIVERED, (before, self.mark("delivery_watermark"), most))
        gone = self._connection.changes()
        self._connection.execute(
            "DELETE FROM questions WHERE message_out_id NOT IN (SELECT message_out_id FROM delivered)"
        )
        return gone

    # ── notices ──────────────────────────────────────────────────────────────────────────────────────────

    def owe(self, about: str, notice: str) -> None:
        """Commits with the outcome that calls for the notice: a crash before host.db has it must not lose it."""
        self._connection.execute("INSERT OR REPLACE INTO owed VALUES (?, ?)", (about, notice))

    def owed(self) -> list[tuple[str, str]]:
        rows = self._connection.execute("SELECT about, notice FROM owed ORDER BY about").fetchall()
        return [(str(about), str(notice)) for about, notice in rows]

    def paid(self, abouts: Iterable[str]) -> None:
        self._connection.executemany("DELETE FROM owed WHERE about = ?", [(about,) for about in abouts])

    # ── the file ─────────────────────────────────────────────────────────────────────────────────────────

    def is_new(self) -> bool:
        """Nothing was ever written into it."""
        sql = (
            "SELECT EXISTS (SELECT 1 FROM session) OR EXISTS (SELECT 1 FROM messages_in)"
            " OR EXISTS (SELECT 1 FROM tasks)"
        )
        return self._one(sql) == 0

    def check_tables(self) -> None:
        """Raises `Damaged`. Another contract's file never gets here."""
        if not shape.has_all_tables(self._connection):
            raise Damaged(self._path, "its tables are not those of an inbound.db")

    def examine(self, most: float) -> None:
        """Looks at every page, in `most` s of a core. Raises `Damaged` for what is certain."""
        sqlite.examine(self._connection, self._path, most)

    def set_destinations(self, destinations: Sequence[Destination]) -> None:
        """The places the agent may write to by name; skipped when they are the same already."""
        rows = [(d.name, d.description, *d.address) for d in destinations]
        found = self._connection.execute("SELECT * FROM destinations ORDER BY name").fetchall()
        if sorted(rows) == [tuple(map(str, row)) for row in found]:
            return
        self._connection.execute("DELETE FROM destinations")
        self._connection.executemany("INSERT INTO destinations VALUES (?, ?, ?, ?, ?, ?)", rows)

    def destination(self, name: str) -> Address | None:
        row = self._connection.execute(
            "SELECT channel_type, workspace_id, platform_id, thread_id FROM destinations WHERE name = ?",
            (name,),
        ).fetchone()
        return None if row is None else Address(*map(str, row))

    def destination_names(self) -> list[str]:
        return [str(n) for (n,) in self._connection.execute("SELECT name FROM destinations ORDER BY name")]

    def _messages(self, where: str, *bindings: str) -> list[MessageIn]:
        sql = f"SELECT {MESSAGE_IN_COLUMNS} FROM messages_in WHERE {where}"
        return [message_in(row) for row in self._wide(sql, *bindings)]

    def _parcels(self, where: str, *bindings: str) -> list[Parcel]:
        sql = f"SELECT {PARCEL} FROM delivered WHERE {where}"
        return [parcel_of(row) for row in self._wide(sql, *bindings)]

    def _is(self, parcel: Parcel) -> bool:
        """Whether the file has the chunk in this state already."""
        sql = "SELECT 1 FROM delivered WHERE message_out_id = ? AND chunk = ? AND state = ?"
        return self._one(sql, parcel.message_out_id, parcel.chunk, parcel.state) is not None

    def _max(self, table: str) -> int:
        return int(str(self._one(f"SELECT coalesce(max(seq), 0) FROM {table}")))


_FORGETTABLE = """
SELECT id FROM messages_in AS m
WHERE ((status IN ('completed', 'failed', 'cancelled') AND settled_at < ?1)
    OR (?2 AND status = 'pending' AND "trigger" = 0 AND created_at < ?1))
AND NOT EXISTS (SELECT 1 FROM delivered WHERE in_reply_to = m.id AND in_reply_to <> ''
    AND state IN ('pending', 'sending', 'unknown'))
AND NOT EXISTS (SELECT 1 FROM live WHERE message_id = m.id AND state IN ('intended', 'shown'))
ORDER BY seq LIMIT ?3
"""
_FORGET_DELIVERED = """
DELETE FROM delivered WHERE (message_out_id, chunk) IN (
    SELECT message_out_id, chunk FROM delivered
    WHERE state NOT IN ('pending', 'sending', 'unknown') AND updated_at < ? AND seq <= ? LIMIT ?)
"""

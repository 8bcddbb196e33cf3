"""Writing outbound.db, the runner's file: claims, steps, results, answers.

Each public method is one transaction. What a turn did commits together (law 5); the incarnation is checked inside the
transaction, so a runner that the host has replaced can commit nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import apsw

from runner.inbound import PATIENCE, InboundReader
from sessiondb import approving, content, seq
from sessiondb.connection import open_writer, transaction
from sessiondb.contract import OUTBOUND_KNOWN, WAITS
from sessiondb.errors import Damaged, translated
from sessiondb.frozen import frozen
from sessiondb.records import Ack, AckStatus, MessageIn, Step


class Superseded(Exception):
    """The host has minted another incarnation: this runner's work counts for nothing any more."""


@frozen
class Emitted:
    """A row for messages_out. `id` is derived from turn and call, so emitting it twice is one row."""

    id: str
    content: content.Outbound
    in_reply_to: str = ""
    destination: str = ""


@frozen
class ParkedCall:
    """A call that was put to a person."""

    turn: str
    call_id: str
    answered: bool
    approval: bool  # the answer decides whether the call runs; otherwise it is the call's result
    digest: str = ""  # of the call that waits for a yes


class OutboundWriter:
    def __init__(self, path: Path, inbound: InboundReader, incarnation: str, now: Callable[[], int]) -> None:
        self._path = path
        self._inbound = inbound
        self._incarnation = incarnation
        self._now = now
        self._connection = open_writer(
            path, "outbound", busy=int(PATIENCE * 1000), may_be_new=not inbound.session(OUTBOUND_KNOWN)
        )
        self._unwritten: list[tuple[str, str, str]] = []
        self._calls: dict[str, tuple[int, str]] = {}  # that run: deadline in ms UTC, tool

    def close(self) -> None:
        self._connection.close()

    # ── claims ───────────────────────────────────────────────────────────────────────────────────────────

    def acks(self, ids: Sequence[str]) -> dict[str, Ack]:
        marks = ",".join("?" * len(ids))
        return {ack.message_id: ack for ack in self._acks(f"message_id IN ({marks})", tuple(ids))}

    def unfinished_claims(self) -> list[Ack]:
        """Claims whose turn did not end: this incarnation's own, those a dead one left, those to be tried again."""
        return self._acks("status IN ('processing', 'retry')", ())

    def claim(self, messages: Sequence[MessageIn], turn: str) -> None:
        """From here on the messages are this turn's; an attempt is counted now, whatever happens next."""
        with self._writing():
            for message in messages:
                self._ack(message.id, AckStatus.PROCESSING, message.attempts + 1, turn)
            self._state("working")

    def release(self, ids: Iterable[str]) -> None:
        """Follow-ups the turn did not take: as if never claimed."""
        with self._writing():
            self._forget(ids)

    def retry(
        self, ids: Sequence[str], unconsumed: Iterable[str], error: str, *, turn: str = "", until: int = 0
    ) -> None:
        """The attempt failed but another may succeed; the host decides when: not before `until` (ms UTC), if it is given."""
        with self._writing():
            self._set_state(WAITS, f"{until} {turn}" if until else "")
            self._finish_acks(ids, AckStatus.RETRY, error)
            self._forget(unconsumed)
            self._state("idle")

    # ── steps ────────────────────────────────────────────────────────────────────────────────────────────

    def steps(self, turn: str) -> list[Step]:
        return self._steps("turn = ?", (turn,))

    def did_something(self, turn: str) -> bool:
        """Whether the turn got beyond its question, so that starting it over would repeat something."""
        sql = "SELECT 1 FROM transcript WHERE turn = ? AND kind <> 'user' LIMIT 1"
        return bool(self._found(sql, (turn,)))

    def history(self) -> list[Step]:
        """Every step since the conversation was last cleared, in order."""
        return self._steps("step > ?", (int(self.state("history_from") or 0),))

    def remembers(self) -> bool:
        """Whether there is a conversation, or there was one that was told to be forgotten."""
        return bool(self.state("history_from")) or bool(self._found("SELECT 1 FROM transcript LIMIT 1"))

    def record(self, turn: str, kind: str, text: str) -> None:
        with self._writing():
            self._step(turn, kind, text)

    def record_with_next(self, turn: str, kind: str, text: str) -> None:
        """A step that is worth nothing alone: it commits with whatever the turn commits next."""
        self._unwritten.append((turn, kind, text))

    def start_call(self, turn: str, call_id: str, call: str, tool: str, deadline: int) -> None:
        """The call is durable before it runs. `call` is JSON with `name` and `arguments`; `deadline` in ms UTC."""
        with self._writing():
            self._step(turn, "tool_call", call, tool_use_id=call_id, state="started")
            self._running(call_id, tool, deadline)

    def start_approved(self, turn: str, call_id: str, tool: str, deadline: int) -> bool:
        """Whether a person has allowed this call and it did not run since; from here on it counts as run."""
        if not self.allowed(turn, call_id):
            return False
        with self._writing():
            self._set_state(f"allowed:{turn}:{call_id}", "used")
            self._running(call_id, tool, deadline)
        return True

    def allowed(self, turn: str, call_id: str) -> str:
        """The digest of the call as a person has allowed it; '' where none has, or it ran since."""
        found = self.state(f"allowed:{turn}:{call_id}")
        return "" if found == "used" else found

    def emit(self, rows: Sequence[Emitted]) -> None:
        """Before the call that emits them has its result: only where running it again would emit the same rows."""
        with self._writing():
            self._emit(rows)

    def finish_call(
        self,
        turn: str,
        call_id: str,
        result: str,
        emitted: Sequence[Emitted],
        consumed: Iterable[MessageIn] = (),
    ) -> None:
        """Result, step, the rows the call emitted and the messages that are part of its result: one commit."""
        with self._writing():
            self._complete_call(turn, call_id, result)
            self._emit(emitted)
            for message in consumed:
                self._ack(message.id, AckStatus.COMPLETED, message.attempts + 1, turn)
            self._calls.pop(call_id, None)
            self._state("working")

    def finish_turn(
        self,
        turn: str,
        answers: Sequence[Emitted],
        consumed: Sequence[str],
        unconsumed: Iterable[str],
        *,
        status: AckStatus = AckStatus.COMPLETED,
        error: str = "",
    ) -> None:
        """The answers, the acknowledgement of every message the turn consumed, and its last step."""
        with self._writing():
            self._emit(answers)
            self._finish_acks(consumed, status, error)
            self._forget(unconsumed)
            texts = [answer.content.text for answer in answers if isinstance(answer.content, content.Text)]
            self._step(turn, "final", json.dumps(texts))
            self._state("idle")

    def park(
        self,
        turn: str,
        call_id: str,
        question: Emitted,
        consumed: Sequence[str],
        unconsumed: Iterable[str],
    ) -> None:
        """The question, the call that waits for its answer, and the acknowledgement: the process may end now.

        The messages are answered by the question; the person's answer will be a message of its own, which goes on
        with this turn.
        """
        with self._writing():
            self._emit([question])
            self._finish_acks(consumed, AckStatus.COMPLETED, "")
            self._forget(unconsumed)
            asked = question.content
            approval = isinstance(asked, content.Question) and bool(asked.approval)
            waiting = {
                "turn": turn,
                "call": call_id,
                "answered_by": "",
                "approval": approval,
                "digest": approving.digest(asked.call)
                if isinstance(asked, content.Question) and approval
                else "",
            }
            self._set_state(f"parked:{question.id}", json.dumps(waiting))
            self._state("idle")

    def parked(self, question_id: str, answer_id: str) -> ParkedCall | None:
        """The call that waits for this answer; None when there is none or another answer came first."""
        found = self.state(f"parked:{question_id}")
        if not found:
            return None
        waiting = json.loads(found)
        if waiting["answered_by"] not in ("", answer_id):
            return None
        return ParkedCall(
            waiting["turn"],
            waiting["call"],
            bool(waiting["answered_by"]),
            bool(waiting["approval"]),
            str(waiting.get("digest", "")),
        )

    def answer(self, call: ParkedCall, question_id: str, answer_id: str, result: str | None) -> None:
        """The person's answer becomes the call's result, once; None lets the call run."""
        if call.answered:
            return
        with self._writing():
            if result is None:
                self._set_state(f"allowed:{call.turn}:{call.call_id}", call.digest)
            else:
                self._complete_call(call.turn, call.call_id, result)
            kept = {
                "turn": call.turn,
                "call": call.call_id,
                "answered_by": answer_id,
                "approval": call.approval,
                "digest": call.digest,
            }
            self._set_state(f"parked:{question_id}", json.dumps(kept))

    def clear_history(self, continuation: str) -> None:
        """The conversation begins anew; `continuation` is the key of what a provider goes on with."""
        with self._writing():
            self._set_state(continuation, "")
            last = self._connection.execute("SELECT coalesce(max(step), 0) FROM transcript").fetchone()
            self._set_state("history_from", str(last[0]) if last else "0")

    # ── state ────────────────────────────────────────────────────────────────────────────────────────────

    def state(self, key: str) -> str:
        rows = self._found("SELECT value FROM session_state WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else ""

    def set_state(self, key: str, value: str) -> None:
        with self._writing():
            self._set_state(key, value)

    def phase(self, phase: str) -> None:
        """Declares what the process is at; also the sign of activity that the sweep looks for."""
        with self._writing():
            self._state(phase)

    # ── inside a transaction ─────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            with self._whole(), transaction(self._connection, self._path):
                for turn, kind, text in self._unwritten:
                    self._step(turn, kind, text)
                yield
                # Last, inside the write lock: whoever comes after us will see either our commit or a new incarnation.
                self._require_incarnation()
        except apsw.ConstraintError:  # whoever goes on with our turn wrote that step first
            self._require_incarnation()
            raise
        self._unwritten.clear()

    def _require_incarnation(self) -> None:
        if self._inbound.incarnation() != self._incarnation:
            raise Superseded

    def _found(self, sql: str, bindings: Sequence[str | int] = ()) -> list[tuple[apsw.SQLiteValue, ...]]:
        with translated(self._path), self._whole():
            return self._connection.execute(sql, bindings).fetchall()

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """Raises `Damaged` where a statement finds no table: somebody emptied the file, and that is no fault of a turn's."""
        try:
            yield
        except apsw.SQLError as error:
            raise Damaged(self._path, str(error)) from error

    def _emit(self, rows: Sequence[Emitted]) -> None:
        if not rows:
            return
        own = self._connection.execute("SELECT coalesce(max(seq), 0) FROM messages_out").fetchone()
        high_water = int(self.state("seq_high_water") or 0)
        number = max(int(own[0]) if own else 0, high_water, self._inbound.highest_seq())
        for row in rows:
            number = seq.next_seq("odd", number)
            kind = "system" if isinstance(row.content, content.Action) else "chat"
            self._connection.execute(
                "INSERT OR IGNORE INTO messages_out (seq, id, in_reply_to, destination, kind, created_at, content)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                (
                    number,
                    row.id,
                    row.in_reply_to,
                    row.destination,
                    kind,
                    self._now(),
                    content.encode(row.content),
                ),
            )
        self._set_state("seq_high_water", str(number))

    def _ack(self, message_id: str, status: AckStatus, attempt: int, turn: str) -> None:
        self._connection.execute(
            "INSERT INTO processing_ack (message_id, status, incarnation, attempt, turn, updated_at)"
            " VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (message_id) DO UPDATE SET status = excluded.status,"
            " incarnation = excluded.incarnation, attempt = excluded.attempt, turn = excluded.turn,"
            " error = '', updated_at = excluded.updated_at",
            (message_id, status, self._incarnation, attempt, turn, self._now()),
        )

    def _finish_acks(self, ids: Sequence[str], status: AckStatus, error: str) -> None:
        self._connection.executemany(
            "UPDATE processing_ack SET status = ?, error = ?, updated_at = ? WHERE message_id = ?",
            [(status, error[:500], self._now(), id_) for id_ in ids],
        )

    def _forget(self, ids: Iterable[str]) -> None:
        self._connection.executemany(
            "DELETE FROM processing_ack WHERE message_id = ?", [(id_,) for id_ in ids]
        )

    def _step(
        self, turn: str, kind: str, text: str, *, tool_use_id: str = "", state: str = "complete"
    ) -> None:
        self._connection.execute(
            "INSERT INTO transcript (turn, kind, tool_use_id, state, content, created_at) VALUES (?, ?, ?, ?, ?, ?)",
            (turn, kind, tool_use_id, state, text, self._now()),
        )

    def _complete_call(self, turn: str, call_id: str, result: str) -> None:
        self._connection.execute(
            "UPDATE transcript SET state = 'complete' WHERE turn = ? AND tool_use_id = ? AND kind = 'tool_call'",
            (turn, call_id),
        )
        self._step(turn, "tool_result", result, tool_use_id=call_id)

    def _set_state(self, key: str, value: str) -> None:
        self._connection.execute(
            "INSERT INTO session_state (key, value, updated_at) VALUES (?, ?, ?) ON CONFLICT (key)"
            " DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
            (key, value, self._now()),
        )

    def _running(self, call_id: str, tool: str, deadline: int) -> None:
        self._calls[call_id] = (deadline, tool)
        self._state("working")

    def _state(self, phase: str) -> None:
        """With the tool that may run longest: others may finish, and messages be claimed, while it does."""
        if phase != "working":
            self._calls.clear()
        deadline, tool = max(self._calls.values(), default=(0, ""))
        self._connection.execute(
            "INSERT OR REPLACE INTO runner_state (one, incarnation, phase, tool, tool_deadline, activity_at)"
            " VALUES (1, ?, ?, ?, ?, ?)",
            (self._incarnation, phase, tool, deadline, self._now()),
        )

    def _acks(self, where: str, bindings: tuple[str, ...]) -> list[Ack]:
        rows = self._found(
            f"SELECT message_id, status, incarnation, attempt, turn, error FROM processing_ack WHERE {where}",
            bindings,
        )
        return [
            Ack(str(id_), AckStatus(str(status)), str(incarnation), int(str(attempt)), str(turn), str(error))
            for id_, status, incarnation, attempt, turn, error in rows
        ]

    def _steps(self, where: str, bindings: tuple[str | int, ...]) -> list[Step]:
        rows = self._found(
            f"SELECT step, turn, kind, tool_use_id, state, content FROM transcript WHERE {where} ORDER BY step",
            bindings,
        )
        return [
            Step(int(str(step)), str(turn), str(kind), str(tool), str(state), str(text))
            for step, turn, kind, tool, state, text in rows
        ]

"""More topics: what people and the agent hand each other, what decides by itself, and what is kept back.

They came later: a seed that has one of them has it in the place of one of the others, so that no seed costs more for them.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import runner.gate
import runner.loop
from host.gateway.budget import Call, OverBudget
from host.gateway.prices import Usage
from host.ports.events import EventClass, InboundEvent, IncomingFile, Verdict
from runner.formatter import PromptMessage
from runner.gate import Gate
from runner.outbound import Emitted, OutboundWriter
from runner.providers.base import Error, Event, Reply
from runner.providers.mock import MockQuery, _Failed
from runner.tools.files import create_file
from runner.tools.messaging import Outbox
from runner.tools.tool import Tool
from tests.simulation.clock import EPOCH
from tests.simulation.faults import FAULTS_LAST
from tests.simulation.load import Said
from tests.simulation.outcome import Law
from tests.simulation.patches import Patch
from tests.simulation.platform import Post, bytes_of
from tests.simulation.processes import point, start_in
from tests.simulation.records import Session, rows_of
from tests.simulation.topics import Topic

if TYPE_CHECKING:
    from runner.settings import Settings

HOUR, DAY = 3_600_000, 86_400_000  # ms
MICRO = 1_000_000
CANNOT = "⚠️ I cannot go on"


class Attached(Topic):
    """Files both ways: those of people are in the session's folder, whole; those of the agent are as they were when it sent
    them, whatever it makes of them afterwards."""

    place = ("D5", "")

    def plan(self) -> None:
        self.world.engine.more_tools = self._tools
        self.brought: list[Said] = []
        for _ in range(self.chance.randint(2, 4)):
            number = len(self.world.people.said) + 1
            lines = [
                f'@@call create_file {{"path": "f{number}", "text": "{_body(number)}"}}',
                f'@@call send_file {{"path": "f{number}", "comment": "file {number}"}}',
                f'@@call create_file {{"path": "f{number}", "text": "another"}}',
            ]
            files = tuple(
                IncomingFile(f"{one}.txt", "text/plain", 40, f"{number}-{one}")
                for one in range(self.chance.randint(0, 3))
            )
            said = self.says(lines, self.chance.uniform(0, 130), files=files)
            self.brought.append(said)

    def _tools(self, settings: Settings) -> list[Tool]:
        return [Tool.of(create_file), Tool.of(Outbox(settings.folder.outbound_files).send_file)]

    def check(self, sessions: list[Session]) -> None:
        for session in sessions:
            kept = session.id not in self.world.ruined
            for said in self.brought:
                row = session.messages.get(said.event.message_id)
                gone = self.world.forgotten.rows(session.id, "messages_in")
                if row is not None and kept and all(old["id"] != row["id"] for old in gone):
                    self._are_there(session.id, said, json.loads(row["content"]))
        for post in self.world.platform.posts:
            if post.text.startswith("file ") and post.address.platform_id == self.place[0]:
                self.world.outcome.counted["files that were sent"] += 1
                if post.file != _body(int(post.text.split()[1])).encode():
                    self.world.violated(Law.RECORDS, f"{post.text} was sent as {post.file!r}")

    def _are_there(self, session_id: str, said: Said, content: dict[str, Any]) -> None:
        folder = self.world.data / "sessions" / session_id / "inbound" / "files"
        told = [part for part in content["parts"] if part["kind"] == "file"]
        if len(content["attachments"]) + len(told) != len(said.event.files):
            self.world.violated(
                Law.KEPT, f"of {len(said.event.files)} files of {said.number} some are untold"
            )
        for file in content["attachments"]:
            self.world.outcome.counted["files that were brought"] += 1
            path = folder / file["path"]
            found = path.read_bytes() if path.exists() else b""
            if found != bytes_of(f"{said.number}-{file['name'].partition('.')[0]}"):
                self.world.violated(Law.KEPT, f"{file['path']} of {said.number} has {len(found)} bytes")


def _body(number: int) -> str:
    return f"the body of {number}"


class Scripted(Topic):
    """Tasks whose script decides whether the agent is asked: once for each run, whatever dies meanwhile."""

    place = ("D6", "")

    def plan(self) -> None:
        self.numbers = range(1, self.chance.randint(3, 5))
        for number in self.numbers:
            at = datetime.fromtimestamp((EPOCH + self.chance.randint(15_000, 110_000)) / 1000, UTC)
            steps = [f'@@call mock_append {{"file": "f", "line": "script-{number}"}}']
            steps += ["@@crash 1"] if self.chance.random() < 0.6 else []
            wish = {
                "title": f"S{number}",
                "prompt": "\n".join([*steps, f"scripted {number}"]),
                "at": at.isoformat(),
                "script": f"decide {number}",
            }
            self.says([f"@@call schedule_task {json.dumps(wish)}"], self.chance.uniform(0, 10))

    def patches(self) -> list[Patch]:
        return [(runner.gate, "run", self._run), (runner.loop, "refusal_of_scripts", lambda _: "")]

    async def _run(self, script: str, folder: object) -> Gate:
        number = int(script.split()[1])
        point("a script runs")
        await asyncio.sleep(0.1 * number)
        point("a script has run")
        self.world.outcome.counted["scripts that ran"] += 1
        return Gate(_wakes(number), f"data {number}.")

    def check(self, sessions: list[Session]) -> None:
        steps = [step for session in sessions for step in session.steps if '"gate"' in step["content"]]
        posts = [post.text for post in self.world.platform.posts]
        for number in self.numbers:
            decided = sum(f"data {number}." in step["content"] for step in steps)
            said = any(f"scripted {number}" in text for text in posts)
            if decided > 1:
                self.world.violated(Law.RECORDS, f"the script of {number} decided {decided} times in one run")
            if said and not _wakes(number):
                self.world.violated(Law.OUTCOME, f"the script of {number} woke nobody, and it was answered")
            if not said and _wakes(number) and decided and self._completed(sessions, number):
                self.world.violated(
                    Law.OUTCOME, f"{number} is completed, its script woke, and nobody sees it"
                )

    def _completed(self, sessions: list[Session], number: int) -> bool:
        if self.world.platform.rejected:
            return False
        rows = [row for s in sessions if s.id not in self.world.ruined for row in s.messages.values()]
        mine = [row for row in rows if row["task_id"] and f'"decide {number}"' in row["content"]]
        return any(row["status"] == "completed" for row in mine)


def _wakes(number: int) -> bool:
    return number % 3 != 0


class Muted(Topic):
    """A thread that is told to be quiet until somebody mentions the agent again. Each step waits for the one before."""

    place = ("M1", "m1")

    def plan(self) -> None:
        self.hushed: list[InboundEvent] = []
        self.heard: list[Said] = []
        self._steps = [self._mentions, self._mutes, self._whispers, self._mentions, self._goes_on]
        self.world.loop.call_later(self.chance.uniform(0, 20), self._next)

    def _next(self) -> None:
        if self._steps:
            self._wait_for(self._steps.pop(0)())

    def _wait_for(self, event: InboundEvent) -> None:
        if event.message_id in self.world.platform.verdicts:
            self.world.loop.call_later(self.chance.uniform(0.1, 15), self._next)
        else:
            self.world.loop.call_later(1.0, self._wait_for, event)

    def _mentions(self) -> InboundEvent:
        return self.says([], 0.0).event

    def _mutes(self) -> InboundEvent:
        return self.event(EventClass.MESSAGE, "hush", 0.0, text="!mute")

    def _whispers(self) -> InboundEvent:
        self.hushed.append(
            self.event(EventClass.MESSAGE, "whisper", 0.0, text="among ourselves", mentioned=False)
        )
        return self.hushed[-1]

    def _goes_on(self) -> InboundEvent:
        return self.says([], 0.0, mentioned=False).event

    def check(self, sessions: list[Session]) -> None:
        for event in self.hushed:
            if self.verdict(event) is Verdict.STORED:
                self.world.violated(Law.OUTCOME, f"{event.text!r} was said while it was muted, and taken in")
        self.world.outcome.counted["muted threads"] += bool(self.hushed)


class Budgeted(Topic):
    """Each answer here costs a call of the model, which the host makes and pays for; a person's day has room for few. Later
    an owner allows more, and people are answered again."""

    place = ("B1", "")
    price = 1_000_000

    def settings(self, given: dict[str, Any]) -> None:
        given["budgets"] = {"person": {"budget_usd_per_day": 100.0 if self.raised else self.room}}

    def __init__(self, world: Any) -> None:
        super().__init__(world)
        self.raised = False
        self.room = self.chance.randint(1, 3)
        self.asked: set[str] = set()
        self.calls: Counter[int] = Counter()  # by day
        self.hours: set[int] = set()  # in which somebody was refused
        self.last: Said | None = None
        self.gap: Callable[[], None] = lambda: point("a call has ended")

    def plan(self) -> None:
        for _ in range(self.chance.randint(3, 6)):
            self.asked.add(self.says([], self.chance.uniform(0, 120)).event.message_id)
        self.world.loop.call_later(FAULTS_LAST + 5, self._raise)

    def _raise(self) -> None:
        self.raised = True
        if self.world.host is not None:
            self.world.host.stop()
        self.last = self.says([], 90.0)
        self.asked.add(self.last.event.message_id)

    def patches(self) -> list[Patch]:
        answer = MockQuery._message

        async def paid(
            query: MockQuery, message: PromptMessage, attempt: int, replies: list[Reply]
        ) -> AsyncGenerator[Event, None]:
            if message.id in self.asked and message.trigger:
                await self._pay(message)
            async for event in answer(query, message, attempt, replies):
                yield event

        return [(MockQuery, "_message", paid)]

    async def _pay(self, message: PromptMessage) -> None:
        """As the gateway does for a runner: in the host, which may die meanwhile."""
        host, process = self.world.host, self.world.host_process
        if host is None or process is None or not process.alive or not host.started.is_set():
            raise _Failed(Error("nobody lets us out", retryable=True))
        call = start_in(process, self._call(message), "a call")
        await asyncio.wait([call])
        error = None if call.cancelled() else call.exception()
        if isinstance(error, OverBudget):
            raise _Failed(Error(str(error), retryable=False, told=error.told))
        if call.cancelled() or error is not None:
            raise _Failed(Error("the way out is gone", retryable=True))

    async def _call(self, message: PromptMessage) -> None:
        assert self.world.host is not None
        budgets = self.world.host.house.budgets
        place = self.world.people.event(0, *self.place).address
        said = self.world.platform.acknowledged.get(message.id)
        answers = said.platform_message_id if said is not None else ""
        session = next(
            row
            for row in self.world.host.house.records.sessions._known.values()
            if row.place.platform_id == self.place[0]
        ).id
        call = Call(session, "default", message.author_id, "", "m", self.price, place, answers)
        hours = {self.world.clock.now() // HOUR}
        try:
            reserved = await budgets.reserve(call)
        except OverBudget:
            self.hours |= hours | {self.world.clock.now() // HOUR}
            raise
        point("a call begins")
        self.calls[self.world.clock.now() // DAY] += 1
        await asyncio.sleep(self.chance.choice((0.3, 4.0)))
        self.gap()
        await budgets.settle(reserved, Usage(), self.price, estimated=False)

    def check(self, sessions: list[Session]) -> None:
        spent = sum(row["cost"] for row in rows_of(self.world.data / "host.db", "SELECT cost FROM spent"))
        made = sum(self.calls.values())
        self.world.outcome.counted["calls that were paid"] += made
        self.world.outcome.counted["people over their budget"] += bool(self.hours)
        if spent < made * self.price:
            self.world.violated(Law.PAID, f"{made} calls were made, and {spent / self.price:g} are paid for")
        told = sum(post.text.startswith(CANNOT) for post in self.world.platform.posts)
        # A host remembers for its retention whom it told; here that may be less than an hour.
        most = len(self.hours) + sum(
            about.startswith("over-budget:") for about in self.world.forgotten.notices
        )
        if told > most:
            self.world.violated(Law.TOLD, f"who is over the budget was told {told} times, {most} are enough")
        if self.hours and not told and not self.world.platform.rejected:
            self.world.violated(Law.TOLD, "who is over the budget was never told")
        for session in sessions:
            row = session.messages.get(self.last.event.message_id) if self.last is not None else None
            if row is not None and row["status"] == "failed" and session.id not in self.world.ruined:
                self.world.violated(Law.OUTCOME, "there is room in the budget again, and nobody is answered")


class Held(Topic):
    """Rows that are to be delivered later: never before their time, and then."""

    place = ("D7", "")

    def plan(self) -> None:
        self.due: dict[str, int] = {}
        self.early: list[str] = []
        for _ in range(self.chance.randint(2, 4)):
            number = len(self.world.people.said) + 1
            self.says([f'@@call send_message {{"text": "later {number}"}}'], self.chance.uniform(0, 110))

    def patches(self) -> list[Patch]:
        emit = OutboundWriter._emit

        def later(writer: OutboundWriter, rows: Sequence[Emitted]) -> None:
            emit(writer, rows)
            for row in rows:
                text = getattr(row.content, "text", "")
                if text.startswith("later "):
                    due = writer._now() + 1000 * int(text.split()[1]) % 40_000 + 3_000
                    sql = "UPDATE messages_out SET deliver_after = ? WHERE id = ? AND deliver_after = 0"
                    writer._connection.execute(sql, (due, row.id))
                    self.due[text] = due

        return [(OutboundWriter, "_emit", later)]

    def hears(self, post: Post) -> None:
        due = self.due.get(post.text)
        if due is not None and self.world.clock.now() < due and not self.world.clock.farthest:
            self.world.violated(Law.HELD, f"{post.text!r} came {due - self.world.clock.now()} ms too early")

    def check(self, sessions: list[Session]) -> None:
        self.world.outcome.counted["posts that were held back"] += len(self.due)
        for session in sessions:
            if session.id in self.world.ruined or self.world.platform.rejected:
                continue
            for row in session.delivered:
                text = json.loads(row["payload"] or "{}").get("chunk", {}).get("text", "")
                if text in self.due and row["state"] == "failed":
                    self.world.violated(Law.HELD, f"{text!r} was held back and given up")


ALL: tuple[type[Topic], ...] = (Attached, Scripted, Muted, Budgeted, Held)

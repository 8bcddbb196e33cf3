"""What people do to answers, questions and forms while everything fails at random, and what must be left of it: each effect once.

The acts are the same on every platform; a `Sky` carries them out there.
"""

from __future__ import annotations

import asyncio
import os
import random
import re
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw

from host.intake.changed import DELETED, TOO_LATE

# Presses, edits, deletions and forms: in the suite, and in the long run, where STORM says how many.
WANTED = int(os.environ.get("STORM", "45"))
THREADS = 6 if WANTED < 100 else 12
SEEDS = (41,) if WANTED < 100 else (41, 42)
LIMIT = 120 if WANTED < 100 else 1_200  # s
PATIENCE = 60.0  # s for one thing to happen
SOON = 8.0  # s until somebody presses again what shows no effect; a press is lost after three
TRIES = 8
EFFECTS = "effects.txt"
APPROVED = '[agents.default.options]\napprove = ["mock_append"]'
OPTIONS = ("red", "blue")
ASKED_ABOUT = "What about this message?"
Look = Callable[[], object]


class GoneError(Exception):
    """Nobody can press that any more."""


@dataclass
class Thread:
    """Where two people of its own talk to the agent: `asker`, and somebody beside."""

    number: int
    chance: random.Random
    asker: Any
    beside: Any
    place: Any = None
    messages: int = 0  # of the agent that are to stand here in the end


class Sky(ABC):
    """A platform. Messages, people and forms are its own things."""

    @abstractmethod
    async def begin(self, thread: Thread, text: str) -> None:
        """The asker mentions the agent in the channel; sets `place`."""

    @abstractmethod
    def say(self, thread: Thread, text: str) -> Any: ...

    @abstractmethod
    def edit(self, thread: Thread, message: Any, text: str) -> None: ...

    @abstractmethod
    def delete(self, thread: Thread, message: Any) -> Any:
        """The event that tells of it."""

    @abstractmethod
    def missed(self, event: Any) -> bool:
        """Nobody listened, and no platform tells of it again."""

    @abstractmethod
    def said(self, thread: Thread) -> list[Any]:
        """The agent's messages there, without those that show work under way."""

    @abstractmethod
    def words(self, message: Any) -> str:
        """All that a message shows."""

    @abstractmethod
    def decided(self, message: Any) -> str:
        """What a question shows of its answer; '' while it is open."""

    @abstractmethod
    def key(self, message: Any) -> str:
        """What an answer is called by in its buttons."""

    @abstractmethod
    def press(self, person: Any, message: Any, label: str) -> Any:
        """A button. Raises `GoneError`."""

    @abstractmethod
    def judge(self, person: Any, message: Any, *, good: bool) -> Any: ...

    @abstractmethod
    def form(self, person: Any, pressed: Any) -> Any:
        """The form that the press opened, if any."""

    @abstractmethod
    def leave(self, person: Any) -> None:
        """Whatever forms somebody has open."""

    @abstractmethod
    def send(self, person: Any, form: Any, values: dict[str, str]) -> Any:
        """What was entered in a form, by the name of each field."""

    @abstractmethod
    def settled(self, pressed: Any) -> bool:
        """The app has taken the press."""

    @abstractmethod
    def once_more(self, thread: Thread, answer: Any) -> Awaitable[str]:
        """Has the answer made anew, until that is under way; the opinion that went with it."""

    @abstractmethod
    def about(self, thread: Thread, message: Any) -> Any:
        """ "Ask about this" of a message's menu."""

    @abstractmethod
    def asked_about(self, message: Any, presses: Sequence[Any]) -> list[str]:
        """What the agent answered to that."""

    @abstractmethod
    def took(self, pressed: Any) -> bool:
        """Such a press was not refused."""

    @abstractmethod
    def fates(self, presses: Sequence[Any]) -> list[str]:
        """What became of each, in short."""

    @abstractmethod
    def aside(self, thread: Thread, text: str) -> Any:
        """A message in the channel that is not to the agent."""

    @abstractmethod
    async def later(self, thread: Thread, message: Any, what: str) -> None:
        """ "Remind me / make a task" of a message's menu, confirmed more than once."""

    @abstractmethod
    async def until(self, look: Look, seconds: float) -> None: ...


class Storm:
    def __init__(self, sky: Sky, wanted: int) -> None:
        self._sky = sky
        self._wanted = wanted
        self._marks = 0
        self.gestures: Counter[str] = Counter()
        self.missed = 0  # deletions of which nobody told the app
        self.again = 0  # presses that somebody had to repeat
        self.marks: dict[str, tuple[Thread, int]] = {}  # how often each stands in its thread
        self.decisions: list[
            tuple[str, Thread, Any]
        ] = []  # of questions: what must agree with what was answered
        self.approvals: list[tuple[str, Any]] = []
        self.judged: dict[tuple[str, str], tuple[str, str]] = {}  # (answer, person): the last choice, and why
        self.reminders: list[str] = []
        self.abouts: list[tuple[Any, list[Any]]] = []

    async def begin(self, threads: Sequence[Thread]) -> None:
        async with asyncio.TaskGroup() as group:
            for thread in threads:
                group.create_task(self._sky.begin(thread, f"begun {self._mark(thread, 1)}"))

    async def blow(self, threads: Sequence[Thread]) -> None:
        """Everybody at once, each in a thread of their own, until there was enough."""
        async with asyncio.TaskGroup() as group:
            for thread in threads:
                group.create_task(self._goes_on(thread))

    async def calm(self, threads: Sequence[Thread]) -> None:
        """A last question in each thread: what was on its way there stands before its answer."""
        async with asyncio.TaskGroup() as group:
            for thread in threads:
                group.create_task(self._answered(thread))
        try:
            await self._sky.until(lambda: all(self._taken_up(*one) for one in self.abouts), PATIENCE)
        except TimeoutError as error:
            open_ = [one for one in self.abouts if not self._taken_up(*one)]
            told = [(self._sky.words(a), self._sky.asked_about(a, b), self._sky.fates(b)) for a, b in open_]
            raise AssertionError(f"asked about, answered, pressed: {told}") from error

    def _taken_up(self, said: Any, presses: Sequence[Any]) -> bool:
        taken = sum(self._sky.took(one) for one in presses)
        return max(1, taken) <= len(self._sky.asked_about(said, presses)) <= len(presses)

    async def _goes_on(self, thread: Thread) -> None:
        acts = (
            self._question,
            self._words,
            self._approval,
            self._edit,
            self._deletion,
            self._feedback,
            self._once_more,
            self._about,
            self._later,
        )
        order: list[Callable[[Thread], Awaitable[None]]] = []
        while self.gestures.total() < self._wanted:
            if not order:
                order = thread.chance.sample(acts, len(acts))
            act = order.pop()
            try:
                await act(thread)
            except TimeoutError as error:
                raise AssertionError(f"{act.__name__}: {self._seen(thread)[-3:]}") from error

    # ── what people do ───────────────────────────────────────────────────────────────────────────────────

    async def _answered(self, thread: Thread, text: str = "word {}") -> tuple[str, Any, Any]:
        """The mark of a message, itself, and the agent's first to it, which is echoed unless it says otherwise."""
        mark = self._mark(thread, 1)
        said = self._sky.say(thread, text.format(mark))
        await self._sky.until(lambda: self._with(thread, mark), PATIENCE)
        return mark, said, self._with(thread, mark)[0]

    async def _question(self, thread: Thread) -> None:
        """Both options at once, and by somebody whom nobody asked."""
        mark, _, question = await self._answered(
            thread, "@@ask Which, {0}? | red | blue\nanswer {0}\n@@results"
        )
        self.marks[mark] = (thread, 2)
        thread.messages += 1
        chosen = thread.chance.choices(OPTIONS, k=2)

        def gesture() -> None:
            self._try(
                "click", lambda: self._sky.press(thread.beside, question, thread.chance.choice(OPTIONS))
            )
            for option in chosen:
                self._try("click", self._sky.press, thread.asker, question, option)

        await self._until(gesture, lambda: len(self._with(thread, mark)) > 1 and self._sky.decided(question))
        self.decisions.append((mark, thread, question))

    async def _words(self, thread: Thread) -> None:
        """A form, sent twice."""
        mark, _, question = await self._answered(thread, "@@ask Say {0}?\nanswer {0}\n@@results")
        self.marks[mark] = (thread, 2)
        thread.messages += 1
        form = await self._opened(
            thread.asker, lambda: self._sky.press(thread.asker, question, "Answer…"), "click"
        )

        def gesture() -> None:
            for word in thread.chance.choices(OPTIONS, k=2):
                self._try("form", self._sky.send, thread.asker, form, {"words": word})

        await self._until(gesture, lambda: len(self._with(thread, mark)) > 1 and self._sky.decided(question))
        self.decisions.append((mark, thread, question))

    async def _approval(self, thread: Thread) -> None:
        """A yes and a no at once, or one of them twice."""
        call = f'@@call mock_append {{{{"file": "{EFFECTS}", "line": "{{0}}"}}}}\ndone {{0}}\n@@results'
        mark = self._mark(thread, 2)
        before = len(self._open(thread))
        self._sky.say(thread, call.format(mark))
        await self._sky.until(lambda: len(self._open(thread)) > before, PATIENCE)
        [question] = self._open(thread)[before:]
        labels = thread.chance.choices(("Allow", "Deny"), (3, 1), k=2)

        def gesture() -> None:
            self._try("approval", self._sky.press, thread.beside, question, "Allow")
            for label in labels:
                self._try("approval", self._sky.press, thread.asker, question, label)

        await self._until(
            gesture,
            lambda: any(f"done {mark}" in w for w in self._seen(thread)) and self._sky.decided(question),
        )
        self.approvals.append((mark, question))

    async def _edit(self, thread: Thread) -> None:
        """Too late: an offer, whose button is pressed twice or never."""
        mark, said, old = await self._answered(thread)
        new = self._mark(thread, 1)
        before = self._offers(thread, TOO_LATE)
        thread.messages += 1

        def edit() -> None:
            self.gestures["edit"] += 1
            self._sky.edit(thread, said, f"word {new}{'!' * self.gestures['edit']}")

        await self._until(edit, lambda: len(self._offers(thread, TOO_LATE)) > len(before))
        [offer] = [one for one in self._offers(thread, TOO_LATE) if one not in before]
        if thread.chance.random() < 0.3:
            self._unmark(new)
            return

        def gesture() -> None:
            for _ in range(2):
                self._try("click", self._sky.press, thread.asker, offer, "Answer again")

        await self._until(gesture, lambda: self._with(thread, new) and not self._with(thread, mark))
        self._unmark(mark)
        assert old not in self._sky.said(thread)

    async def _deletion(self, thread: Thread) -> None:
        mark, said, _ = await self._answered(thread)
        before = self._offers(thread, DELETED)
        self.gestures["deletion"] += 1
        event = self._sky.delete(thread, said)
        await self._sky.until(
            lambda: self._sky.missed(event) or len(self._offers(thread, DELETED)) > len(before), PATIENCE
        )
        found = [one for one in self._offers(thread, DELETED) if one not in before]
        if not found:
            self.missed += 1
            return
        [offer] = found
        thread.messages += 1

        def gesture() -> None:
            for _ in range(2):
                self._try("click", self._sky.press, thread.asker, offer, "Delete my answer")

        await self._until(gesture, lambda: not self._with(thread, mark))
        self._unmark(mark)

    async def _feedback(self, thread: Thread) -> None:
        """Back and forth; the form after a 👎 is sent with a reason, or left."""
        mark, _, answer = await self._answered(thread)
        for person in (thread.asker, thread.beside):
            for good in thread.chance.choices((True, False), k=thread.chance.randint(1, 3)):
                reason = f"because {mark}" if not good and thread.chance.random() < 0.5 else ""
                await self._judge(person, answer, reason, good=good)
                entry = self._sky.key(answer), str(person.id)
                before = self.judged.get(entry, ("", ""))
                kept = reason or (before[1] if before[0] == "bad" else "")  # what was said of the same choice
                self.judged[entry] = ("good", "") if good else ("bad", kept)

    async def _judge(self, person: Any, answer: Any, reason: str, *, good: bool) -> None:
        def judge() -> Any:
            return self._sky.judge(person, answer, good=good)

        if good:
            return await self._taken(judge, "feedback")
        form = await self._opened(person, judge, "feedback")
        if reason:
            await self._taken(lambda: self._sky.send(person, form, {"reason": reason}), "form")
        return None

    async def _once_more(self, thread: Thread) -> None:
        mark, _, old = await self._answered(thread)
        self.gestures["click"] += 1
        key = self._sky.key(old)
        for _ in range(TRIES):  # of one that is still on its way there is no other yet
            if choice := await self._sky.once_more(thread, old):
                self.judged[key, str(thread.asker.id)] = (choice, "")
            try:
                return await self._sky.until(lambda: self._is_another(thread, mark, key), SOON)
            except TimeoutError:
                continue
        raise TimeoutError(f"No other answer in {TRIES} tries")

    def _is_another(self, thread: Thread, mark: str, key: str) -> bool:
        found = self._with(thread, mark)
        return len(found) == 1 and self._sky.key(found[0]) != key

    async def _about(self, thread: Thread) -> None:
        said = self._sky.aside(thread, f"aside {self._mark(thread, 0)}")
        presses: list[Any] = []

        def gesture() -> None:
            self.gestures["shortcut"] += 1
            presses.append(self._sky.about(thread, said))

        await self._until(gesture, lambda: self._sky.asked_about(said, presses))
        self.abouts.append((said, presses))

    async def _later(self, thread: Thread) -> None:
        mark = self._mark(thread, 0)
        said = self._sky.aside(thread, f"due {mark}")
        self.gestures.update(shortcut=1, form=1, click=2)
        self.reminders.append(f"remember {mark}")
        await self._sky.later(thread, said, f"remember {mark}")

    # ── how they do it ───────────────────────────────────────────────────────────────────────────────────

    def _try(self, kind: str, gesture: Callable[..., object], *given: object) -> None:
        try:
            gesture(*given)
        except GoneError:
            return
        self.gestures[kind] += 1

    async def _until(self, gesture: Callable[[], None], done: Look) -> None:
        """People press again what shows no effect."""
        for number in range(TRIES):
            self.again += number > 0
            gesture()
            try:
                return await self._sky.until(done, SOON)
            except TimeoutError:
                continue
        raise TimeoutError(f"Nothing came of it in {TRIES} tries: {gesture}")

    async def _taken(self, gesture: Callable[[], Any], kind: str) -> None:
        """Until the app has taken one."""
        made: list[Any] = []

        def once() -> None:
            self.gestures[kind] += 1
            made.append(gesture())

        await self._until(once, lambda: any(self._sky.settled(one) for one in made))

    async def _opened(self, person: Any, gesture: Callable[[], Any], kind: str) -> Any:
        made: list[Any] = []
        self._sky.leave(person)

        def once() -> None:
            self.gestures[kind] += 1
            made.append(gesture())

        def forms() -> list[Any]:
            return [form for one in made if (form := self._sky.form(person, one)) is not None]

        await self._until(once, lambda: forms() and any(self._sky.settled(one) for one in made))
        return forms()[0]

    def _mark(self, thread: Thread, count: int) -> str:
        self._marks += 1
        mark = f"«{self._marks}»"
        if count:
            self.marks[mark] = (thread, count)
            thread.messages += count
        return mark

    def _unmark(self, mark: str) -> None:
        thread, count = self.marks[mark]
        self.marks[mark] = (thread, 0)
        thread.messages -= count

    def _with(self, thread: Thread, mark: str) -> list[Any]:
        return [one for one in self._sky.said(thread) if mark in self._sky.words(one)]

    def _seen(self, thread: Thread) -> list[str]:
        return [self._sky.words(one) for one in self._sky.said(thread)]

    def _open(self, thread: Thread) -> list[Any]:
        """Questions whether a tool may run, open or not."""
        return [one for one in self._sky.said(thread) if "mock_append" in self._sky.words(one)]

    def _offers(self, thread: Thread, words: str) -> list[Any]:
        return [one for one in self._sky.said(thread) if words in self._sky.words(one)]

    # ── what is left ─────────────────────────────────────────────────────────────────────────────────────

    def check(self, threads: Sequence[Thread], folder: Path) -> None:
        for mark, (thread, count) in self.marks.items():
            assert len(self._with(thread, mark)) == count, (mark, self._seen(thread))
        for thread in threads:
            shown = [words.rpartition("] ")[2] for words in self._seen(thread)]
            assert len(shown) == thread.messages, (thread.messages, shown)
        for mark, thread, question in self.decisions:
            [answer] = [one for one in self._with(thread, mark) if one is not question]
            chosen = self._sky.words(answer).split()[-1]
            assert chosen in OPTIONS
            assert chosen in self._sky.decided(question), (chosen, self._sky.words(question))
        effects = Counter(
            line
            for file in folder.glob(f"data/sessions/*/work/{EFFECTS}")
            for line in file.read_text("utf-8").splitlines()
        )
        for mark, question in self.approvals:
            assert effects[mark] == ("Allow" in self._sky.decided(question)), (mark, effects[mark])
        assert all(self._taken_up(*one) for one in self.abouts)
        found = opinions(folder)
        assert found == self.judged, set(found.items()) ^ set(self.judged.items())


def threads(seed: int, people: Sequence[tuple[Any, Any]]) -> list[Thread]:
    return [
        Thread(number, random.Random(f"{seed}-{number}"), asker, beside)
        for number, (asker, beside) in enumerate(people)
    ]


def opinions(folder: Path) -> dict[tuple[str, str], tuple[str, str]]:
    connection = apsw.Connection(str(folder / "data" / "host.db"), flags=apsw.SQLITE_OPEN_READONLY)
    found = connection.execute("SELECT answer, user, choice, reason FROM judgements").fetchall()
    connection.close()
    return {
        (str(answer), re.split("[:/]", str(user))[-1]): (str(choice), str(reason))
        for answer, user, choice, reason in found
    }

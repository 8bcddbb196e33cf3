"""The console as a bot: a platform of one person, with a conversation per file."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from bots.console.transcript import Line, Transcript
from host.ports.bot import Capabilities, Delivery, Ingest, Receipt, Rejected, Shown, Unsent
from host.ports.controls import Forbidden
from host.ports.events import Author, EventClass, InboundEvent, Ingested, Verdict, Viewer
from sessiondb import Address, content

MAIN = "main"  # the conversation that a terminal opens first
BACKFILL = 200  # of a person's last lines, offered to the host again at the start


class Screen(Protocol):
    """How a person meets the console: a terminal, or a pipe."""

    def said(self, channel: str, line: Line) -> None: ...

    def progress(self, shown: Shown) -> None: ...

    async def serve(self, bot: ConsoleBot) -> None:
        """Until the person leaves."""


class ConsoleBot:
    channel_type = "console"
    capabilities = Capabilities(lookup=True, progress="transient", flight=0.0)

    def __init__(self, folder: Path, user: str, screen: Screen) -> None:
        self.folder = folder
        self._user = user
        self._screen = screen
        self._host: Ingest | None = None
        self._asking: dict[str, Line] = {}  # by channel: the question that waits for the next line
        self._write = asyncio.Lock()

    # ── the host's side ──────────────────────────────────────────────────────────────────────────────────

    async def run(self, host: Ingest, ready: Callable[[], None]) -> None:
        self._host = host
        for channel in self.channels():
            await self._backfill(channel)
        ready()
        await self._screen.serve(self)

    def render(
        self, operation: content.Operation, *, plain: bool = False, mentions: Sequence[str] = ()
    ) -> Sequence[dict[str, Any]]:
        match operation:
            case content.Text(text):
                return [{"text": text}]
            case content.Question(text, options):
                return [{"text": text, "options": list(options)}]
            case content.Card(title, text, fields, url):
                rows = [f"- **{field.name}**: {field.value}" for field in fields]
                return [{"text": "\n".join([f"**{title}**", text, *rows, url]).strip()}]
            case content.File(path, name, comment):
                return [{"text": f"{comment}\n📎 {name}".strip(), "file": path}]
            case content.Document(title, text, comment):
                return [{"text": "\n\n".join(part for part in (comment, f"# {title}", text) if part)}]
            case content.Reaction(_, emoji):
                return [{"text": f":{emoji}:"}]
            case content.Edit(_, text):
                return [{"text": f"{text}\n*(edited)*"}]

    async def send(self, delivery: Delivery) -> Receipt:
        payload = delivery.payload
        if "text" not in payload:
            raise Rejected("nothing to show")
        line = Line(
            id=f"a{delivery.key}",
            who="agent",
            text=payload["text"],
            at=_now(),
            key=delivery.key,
            answers=delivery.answers,
            question=delivery.question,
            options=tuple(payload.get("options", ())),
        )
        if delivery.decision is not None:
            values, labels = zip(*delivery.decision.choices, strict=True)
            line = replace(line, request=delivery.decision.request, choices=values, options=labels)
        try:
            await self._append(_channel(delivery), line)
        except OSError as error:
            raise Unsent(f"the transcript cannot be written: {error.strerror}") from error
        self._show(_channel(delivery), line)
        return Receipt(line.id)

    async def lookup(self, delivery: Delivery) -> Receipt | None:
        transcript = self.transcript(_channel(delivery))
        line = await asyncio.to_thread(transcript.by_key, delivery.key)
        return None if line is None else Receipt(line.id)

    async def show(self, shown: Shown) -> None:
        self._screen.progress(shown)

    # ── the screen's side ────────────────────────────────────────────────────────────────────────────────

    async def say(self, channel: str, text: str) -> Ingested:
        """A line of the person; it answers the question that waits, if one does. Raises `HostBusy`, `OSError`."""
        asked = self._asking.get(channel)
        if asked is not None and asked.request:
            if text.strip().isdigit() and 0 < int(text) <= len(asked.choices):
                return await self._decide(channel, asked, int(text) - 1)
            return await self._enter(channel, Line(self._id(), "you", text, _now()))
        question = self._asking.pop(channel, None)
        answered = question.question if question else ""
        if question is not None and text.strip().isdigit() and 0 < int(text) <= len(question.options):
            text = question.options[int(text) - 1]
        return await self._enter(channel, Line(self._id(), "you", text, _now(), answered=answered))

    async def _decide(self, channel: str, asked: Line, number: int) -> Ingested:
        """The number of an option decides what the host asked its owner; it is no message for an agent."""
        if self._host is None:
            raise RuntimeError("the console is not connected")
        viewer = Viewer(Author(self._user, self._user), Address("console", "local", channel), "dm")
        try:
            told = await self._host.controls.decide(viewer, asked.request, asked.choices[number])
        except Forbidden as refused:
            told = str(refused)
        self._asking.pop(channel, None)
        line = Line(f"d{asked.request}", "agent", told, _now(), answered=asked.request)
        await self._append(channel, line)
        self._screen.said(channel, line)
        return Ingested(Verdict.IGNORED, reason=told)

    async def control(self, channel: str, command: str) -> Ingested:
        """`stop` or `clear`."""
        return await self._enter(channel, Line(self._id(), "you", f"/{command}", _now(), control=command))

    async def order(self, channel: str, words: str) -> Ingested:
        """What the host answers itself; it is no answer to a question that waits."""
        return await self._enter(channel, Line(self._id(), "you", words, _now()))

    async def settled(self, ingested: Ingested) -> str:
        if self._host is None:
            raise RuntimeError("the console is not connected")
        try:
            return await self._host.settled(ingested.message_id) if ingested.message_id else ""
        except LookupError:  # an order, which the host answered itself: nothing else comes of it
            return ""

    async def caught_up(self, channel: str) -> None:
        """Waits until every line of an earlier life has its outcome."""
        if self._host is None:
            raise RuntimeError("the console is not connected")
        lines = await asyncio.to_thread(lambda: list(self.transcript(channel).lines()))
        answered = {line.answers for line in lines}
        for line in lines[-BACKFILL:]:
            if line.who == "you" and line.id not in answered:
                event = _event(channel, line, self._user)
                with contextlib.suppress(LookupError):  # an order
                    await self._host.settled(event.message_id)

    def channels(self) -> list[str]:
        return sorted(path.stem for path in self.folder.glob("*.jsonl"))

    def transcript(self, channel: str) -> Transcript:
        return Transcript(self.folder / f"{channel}.jsonl")

    async def _enter(self, channel: str, line: Line) -> Ingested:
        await self._append(channel, line)
        return await self._ingest(channel, line)

    async def _append(self, channel: str, line: Line) -> None:
        async with self._write:
            await asyncio.to_thread(self.transcript(channel).append, line)

    async def _ingest(self, channel: str, line: Line) -> Ingested:
        if self._host is None:
            raise RuntimeError("the console is not connected")
        return await self._host.ingest(_event(channel, line, self._user))

    async def _backfill(self, channel: str) -> None:
        """What was typed before a crash and may not have reached the inbox; the key makes the rest duplicates."""
        lines = await asyncio.to_thread(lambda: list(self.transcript(channel).lines()))
        for line in [line for line in lines if line.who == "you"][-BACKFILL:]:
            await self._ingest(channel, line)
        answered = {line.answered for line in lines}
        asked = [line for line in lines if (named := line.question or line.request) and named not in answered]
        if asked:
            self._asking[channel] = asked[-1]

    def _show(self, channel: str, line: Line) -> None:
        if line.question or line.request:
            self._asking[channel] = line
        self._screen.said(channel, line)

    def _id(self) -> str:
        return f"y{time.time_ns()}"


def _channel(delivery: Delivery) -> str:
    """What is for the person alone, wherever they are, goes to where they begin."""
    return delivery.address.platform_id or MAIN


def _event(channel: str, line: Line, user: str) -> InboundEvent:
    event_class, natural_id = EventClass.MESSAGE, line.id
    if line.control:
        event_class = EventClass.CONTROL
    elif line.answered:
        event_class, natural_id = EventClass.ANSWER, line.answered
    return InboundEvent(
        event_class=event_class,
        address=Address("console", "local", channel),
        natural_id=natural_id,
        author=Author(user, user),
        at=line.at,
        text=line.text,
        platform_message_id=line.id,
        privacy="dm",
        value=line.control or (line.text if line.answered else ""),
        refers_to=line.answered,
    )


def _now() -> int:
    return time.time_ns() // 1_000_000

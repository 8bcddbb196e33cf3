"""What a storm of presses does on the fake Discord."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from bots.common import words
from tests.fakes.discord import Channel, Interaction, Message, NotOfferedError, User
from tests.fakes.discord.limits import walk
from tests.fakes.discord.model import MessageType
from tests.support.storming import ASKED_ABOUT, PATIENCE, SOON, TRIES, GoneError, Look, Sky, Thread
from tests.support.town import Town

LATER = "Remind me / make a task"
FIELDS = {"words": "answer"}  # by what a form calls them here


class OnDiscord(Sky):
    def __init__(self, town: Town) -> None:
        self._town = town
        self._discord = town.discord

    def people(self, count: int) -> list[tuple[User, User]]:
        return [
            (
                self._discord.add_user(f"ada-{number}", self._town.guild),
                self._discord.add_user(f"bob-{number}", self._town.guild),
            )
            for number in range(count)
        ]

    async def begin(self, thread: Thread, text: str) -> None:
        question = self._discord.say(thread.asker, self._town.channel, text, mention_bot=True)
        thread.place = await self._town.answered(question)

    def say(self, thread: Thread, text: str) -> Message:
        return self._discord.say(thread.asker, thread.place, text)

    def edit(self, thread: Thread, message: Message, text: str) -> None:
        self._discord.edit(thread.asker, message, text)

    def delete(self, thread: Thread, message: Message) -> None:
        self._discord.delete(thread.asker, message)

    def missed(self, event: None) -> bool:
        return False  # a session that is resumed is told what it missed

    def said(self, thread: Thread) -> list[Message]:
        return self._said(thread.place)

    def _said(self, place: Channel | None) -> list[Message]:
        written = (MessageType.DEFAULT, MessageType.REPLY)
        live = self._town.live(place)
        found = [] if place is None else self._discord.messages(place)
        return [
            m
            for m in found
            if m.author is self._discord.bot and m.type in written and not m.ephemeral and m not in live
        ]

    def words(self, message: Message) -> str:
        return message.content

    def decided(self, message: Message) -> str:
        return message.content.rpartition("✔")[2] if "✔" in message.content else ""

    def key(self, message: Message) -> str:
        ids = (part.get("custom_id", "") for _, part in walk(message.components))
        return str(next(one for one in ids if one.startswith("dovecote:judge:"))).rpartition(":")[2]

    def press(self, person: User, message: Message, label: str) -> Interaction:
        for _, part in walk(message.components):
            if label in (part.get("label"), (part.get("emoji") or {}).get("name")):
                try:
                    return self._discord.click(person, message, part["custom_id"])
                except NotOfferedError as error:
                    raise GoneError(label) from error
        raise GoneError(label)

    def judge(self, person: User, message: Message, *, good: bool) -> Interaction:
        return self.press(person, message, "👍" if good else "👎")

    def form(self, person: User, pressed: Interaction) -> Interaction | None:
        return pressed if pressed.modal else None

    def leave(self, person: User) -> None:
        """Nobody else knows of an open form here."""

    def send(self, person: User, form: Interaction, values: dict[str, str]) -> Interaction:
        named = {FIELDS.get(name, name): value for name, value in values.items()}
        return self._discord.submit_modal(person, form, named)

    def settled(self, pressed: Interaction) -> bool:
        """What is told comes when it is noted; a form comes by itself."""
        told = [*pressed.followups, pressed.original]
        return bool(pressed.modal) or any(
            one is not None and one.content not in ("", words.BUSY) and not one.loading for one in told
        )

    async def once_more(self, thread: Thread, answer: Message) -> str:
        def gesture() -> None:
            with contextlib.suppress(GoneError):
                pressed.extend(self.press(thread.asker, answer, "Try again") for _ in range(2))

        pressed: list[Interaction] = []
        await self._again(gesture, lambda: any(map(self.settled, pressed)))
        return ""

    def aside(self, thread: Thread, text: str) -> Message:
        return self._discord.say(thread.beside, self._town.channel, text)

    def about(self, thread: Thread, message: Message) -> Interaction:
        return self._discord.run_message_command(thread.asker, message, "Ask about this message")

    def asked_about(self, message: Message, presses: Sequence[Interaction]) -> list[str]:
        """Under a question of its own for each press."""
        asked = [one.original for one in presses if one.original is not None]
        answers = [m.content for one in asked for m in self._said(self._town.thread_of(one))]
        return [text for text in answers if text == ASKED_ABOUT]

    def took(self, pressed: Interaction) -> bool:
        return pressed.original is not None and "asks" in pressed.original.content

    def fates(self, presses: Sequence[Interaction]) -> list[str]:
        return [
            f"{one.answer} {[(m.content, m.deleted) for m in (one.original, *one.followups) if m is not None]}"
            for one in presses
        ]

    async def later(self, thread: Thread, message: Message, what: str) -> None:
        person, opened, sent = thread.asker, list[Interaction](), list[Interaction]()

        def cards() -> list[Message]:
            return [one.original for one in sent if one.original is not None and one.original.components]

        def scheduled() -> list[str]:
            return [
                one.original.content for one in sent if one.original and "Scheduled" in one.original.content
            ]

        def choose() -> None:
            opened.append(self._discord.run_message_command(person, message, LATER))

        await self._again(choose, lambda: any(one.modal for one in opened))
        form = next(one for one in opened if one.modal)
        entered = {"when": "in 90 days", "what": what}
        await self._again(lambda: sent.append(self.send(person, form, entered)), cards)
        [card] = cards()[:1]

        def confirm() -> None:
            for _ in range(2):
                try:
                    self.press(person, card, "Yes, do it")
                except GoneError:
                    return

        await self._again(confirm, scheduled)

    async def _again(self, gesture: Callable[[], Any], done: Look) -> None:
        for _ in range(TRIES):
            gesture()
            try:
                return await self.until(done, SOON)
            except TimeoutError:
                continue
        raise TimeoutError

    async def until(self, look: Look, seconds: float = PATIENCE) -> None:
        await self._discord.wait_for(lambda: bool(look()), seconds)

"""What a storm of presses does on the fake Slack."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bots.slack.setup.manifest import ASK_ABOUT, LATER
from tests.fakes.slack import Channel, Delivery, Message, User, View
from tests.support.on_slack import Office
from tests.support.storming import ASKED_ABOUT, PATIENCE, SOON, TRIES, GoneError, Look, Sky, Thread


class OnSlack(Sky):
    def __init__(self, office: Office, rooms: Sequence[Channel]) -> None:
        self._office = office
        self._slack = office.slack
        self._rooms = rooms
        # Presses of 👍 and 👎: by whom, and what they had been told by then.
        self._judged: dict[int, tuple[Delivery, User, int]] = {}

    def people(self, count: int) -> list[tuple[User, User]]:
        made = [
            (self._slack.add_user(f"ann-{number}"), self._slack.add_user(f"bob-{number}"))
            for number in range(count)
        ]
        for number, pair in enumerate(made):
            for person in pair:
                self._slack.join(person, self._room(number))
        return made

    def _room(self, number: int) -> Channel:
        return self._rooms[number % len(self._rooms)]

    async def begin(self, thread: Thread, text: str) -> None:
        said = f"{self._slack.mention()} {text}"
        thread.place = self._slack.say(thread.asker, self._room(thread.number), said)
        await self._office.answered(thread.place)

    def say(self, thread: Thread, text: str) -> Message:
        return self._slack.say(thread.asker, thread.place.channel, text, thread.place.ts)

    def edit(self, thread: Thread, message: Message, text: str) -> None:
        self._slack.edit(message, text)

    def delete(self, thread: Thread, message: Message) -> Delivery:
        self._slack.delete(message)
        return self._slack.courier.deliveries[-1]

    def missed(self, event: Delivery) -> bool:
        return event.state in ("lost", "given_up")

    def said(self, thread: Thread) -> list[Message]:
        return self._office.answers(thread.place)

    def words(self, message: Message) -> str:
        return f"{message.blocks} {message.text}"

    def decided(self, message: Message) -> str:
        last = message.blocks[-1]
        return str(last["elements"][0]["text"]) if last["type"] == "context" else ""

    def key(self, message: Message) -> str:
        found = (one["block_id"] for one in message.blocks if one["type"] == "context_actions")
        return str(next(found)).removeprefix("f:")

    def press(self, person: User, message: Message, label: str) -> Delivery:
        for block in message.blocks:
            for element in block.get("elements", []) if block["type"] == "actions" else []:
                shown = element["text"]["text"]
                if shown == label or (label.endswith("…") and shown.startswith(label[:-1])):
                    return self._slack.click(
                        person, message, element["action_id"], value=element.get("value")
                    )
        raise GoneError(label)

    def judge(self, person: User, message: Message, *, good: bool) -> Delivery:
        before = len(self._slack.ephemerals(person))
        pressed = self._slack.judge(person, message, "positive" if good else "negative")
        self._judged[id(pressed)] = (pressed, person, before)
        return pressed

    def form(self, person: User, pressed: Delivery | None = None) -> View | None:
        views = self._slack.workspace.views.values()
        return next((view for view in views if view.open and view.user == person.id), None)

    def leave(self, person: User) -> None:
        while (form := self.form(person)) is not None:
            self._slack.close_view(person, form)

    def send(self, person: User, form: View, values: dict[str, str]) -> Delivery:
        return self._slack.submit_view(person, form, {name: {name: value} for name, value in values.items()})

    def settled(self, pressed: Delivery) -> bool:
        """Whoever judges is told something where it was not noted, and that is acknowledged as well."""
        found = self._judged.get(id(pressed))
        refused = found is not None and len(self._slack.ephemerals(found[1])) > found[2]
        return pressed.state == "acknowledged" and not refused

    async def once_more(self, thread: Thread, answer: Message) -> str:
        before = len(self._slack.ephemerals(thread.asker))
        form = await self._opened(thread.asker, lambda: self.judge(thread.asker, answer, good=False))

        def gesture() -> None:
            for _ in range(2):
                self._slack.submit_view(thread.asker, form, {"again": {"again": ["again"]}})

        await self._again(gesture, lambda: len(self._slack.ephemerals(thread.asker)) > before)
        return "bad"

    def aside(self, thread: Thread, text: str) -> Message:
        return self._slack.say(thread.beside, self._room(thread.number), text)

    def about(self, thread: Thread, message: Message) -> Delivery:
        return self._slack.choose(thread.asker, message, ASK_ABOUT)

    def asked_about(self, message: Message, presses: Sequence[Delivery]) -> list[str]:
        return [one.text for one in self._office.answers(message) if one.text == ASKED_ABOUT]

    def took(self, pressed: Delivery) -> bool:
        return False  # what is refused is told privately, and acknowledged like the rest

    def fates(self, presses: Sequence[Delivery]) -> list[str]:
        return [f"{one.state}, attempts: {len(one.attempts)}" for one in presses]

    async def later(self, thread: Thread, message: Message, what: str) -> None:
        person = thread.asker
        form = await self._opened(person, lambda: self._slack.choose(person, message, LATER))
        entered = {"when": {"when": "in 90 days"}, "what": {"what": what}}
        await self._again(
            lambda: self._slack.submit_view(person, form, entered), lambda: "Is that right" in str(form.body)
        )

        def confirm() -> None:
            for _ in range(2):
                if "Is that right" in str(form.body):
                    self._slack.submit_view(person, form)

        try:
            await self._again(confirm, lambda: "Scheduled" in str(form.body))
        except TimeoutError as error:
            raise AssertionError(f"the page reads {form.body}") from error
        self._slack.close_view(person, form)

    async def _opened(self, person: User, gesture: Callable[[], Any]) -> View:
        self.leave(person)
        await self._again(gesture, lambda: self.form(person))
        found = self.form(person)
        assert found is not None
        return found

    async def _again(self, gesture: Callable[[], Any], done: Look) -> None:
        for _ in range(TRIES):
            gesture()
            try:
                return await self.until(done, SOON)
            except TimeoutError:
                continue
        raise TimeoutError

    async def until(self, look: Look, seconds: float = PATIENCE) -> None:
        await self._slack.wait_until(look, seconds)

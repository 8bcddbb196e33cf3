"""What is pressed and means nothing any more, and what arrives twice: said privately, changes nothing, hides nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest

from bots.discord.bot import DiscordBot
from bots.discord.client import telling
from bots.discord.panels.strays import NOT_KNOWN
from host.ports.bot import Decision
from host.ports.controls import ChannelRules
from host.ports.events import EventClass, InboundEvent, Ingested, Verdict
from sessiondb import content
from tests.fakes.discord import Channel, FakeDiscord, Guild, Interaction, Message, User, payloads
from tests.fakes.discord.model import Json
from tests.support.discording import Notebook, delivery, online, place

PATCH = "PATCH /webhooks/{}/{}/messages/{}"


class Forgetful(Notebook):
    """Knows no question any more."""

    async def ingest(self, event: InboundEvent) -> Ingested:
        if event.event_class is EventClass.ANSWER:
            return Ingested(Verdict.DECLINED, reason="I do not know this question any more.")
        return await super().ingest(event)


@dataclass
class Room:
    server: FakeDiscord
    guild: Guild
    channel: Channel
    ada: User
    bot: DiscordBot
    notebook: Notebook
    folder: Path

    async def asked(self, question: content.Question) -> Message:
        sent = delivery(self.bot, question, place(self.channel), question="q1", audience=(str(self.ada.id),))
        await self.bot.send(sent)
        return self.server.messages(self.channel)[-1]

    async def whispered(self, act: Interaction) -> str:
        """What its author alone is told, as the answer or behind it."""

        def told() -> list[Message]:
            return [m for m in (act.original, *act.followups) if m is not None and m.ephemeral and m.content]

        await self.server.wait_for(lambda: bool(told()))
        return told()[-1].content

    async def quiet(self) -> None:
        """Everything that was on its way has been dealt with."""
        before = len(self.notebook.events)
        self.server.say(self.ada, self.channel, "so there")
        await self.notebook.until(lambda: len(self.notebook.events) > before)


@pytest.fixture
async def room(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Room]:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel, ada = server.add_text_channel(guild), server.add_user("ada", guild)
        notebook = getattr(request, "param", Notebook)()
        async with online(server, tmp_path, notebook) as (bot, _):
            await server.wait_for(lambda: bool(server.world.commands))
            yield Room(server, guild, channel, ada, bot, notebook, tmp_path)


async def shown(room: Room, act: Interaction) -> None:
    await room.server.wait_for(lambda: act.original is not None and not act.original.loading)


def ids(message: Message) -> list[str]:
    return [part["custom_id"] for row in message.components for part in row["components"]]


def relabelled(message: Message, custom_id: str) -> str:
    """The message's first button as another life of the bot would have made it."""
    message.components[0]["components"][0]["custom_id"] = custom_id
    return custom_id


@pytest.mark.parametrize(
    "custom_id",
    [
        "dovecote:00ff00ff00ff00ff:never-a-choice",
        "dovecote:task:dance:0:t1",
        "dovecote:of an older version",
        "dovecote:decide:allow",
        "dovecote:",
    ],
)
async def test_a_button_of_ours_that_nobody_knows_any_more_says_so_and_changes_nothing(
    room: Room, custom_id: str
) -> None:
    message = await room.asked(content.Question("Which?", ("red", "blue")))
    before = message.content
    act = room.server.click(room.ada, message, relabelled(message, custom_id))
    assert await room.whispered(act) == NOT_KNOWN
    await room.quiet()
    assert [event.event_class for event in room.notebook.events] == [EventClass.MESSAGE]
    assert (message.content, len(ids(message))) == (before, 2)


async def test_a_question_that_another_host_asked_is_answered_as_its_buttons_stand(room: Room) -> None:
    """Whose book of questions is there: who may answer, and until when, this host judges."""
    message = await room.asked(content.Question("Which?", ("red", "blue"), free_text=True))
    asks = content.Question("May it?", ("Allow", "Deny"), approval="bash", call="{}")
    there = place(room.channel)
    await room.bot.send(delivery(room.bot, asks, there, question="q2", key="11ff00ff00ff00ff", language="de"))
    approval = room.server.messages(room.channel)[-1]
    for path in room.folder.glob("questions/*.json"):
        path.unlink()
    room.server.click(room.ada, message, ids(message)[1])
    await room.notebook.until(lambda: [e.value for e in room.notebook.events] == ["blue"])
    room.server.click(room.ada, approval, ids(approval)[1])
    await room.notebook.until(lambda: [e.value for e in room.notebook.events] == ["blue", "Deny"])
    assert {event.event_class for event in room.notebook.events} == {EventClass.ANSWER}


@pytest.mark.parametrize("room", [Forgetful], indirect=True)
async def test_a_question_that_the_host_does_not_know_says_so_and_keeps_its_buttons(room: Room) -> None:
    message = await room.asked(content.Question("Which?", ("red", "blue"), free_text=True))
    before, buttons = message.content, ids(message)
    assert "do not know this question" in await room.whispered(
        room.server.click(room.ada, message, buttons[0])
    )
    opened = room.server.click(room.ada, message, buttons[-1])
    await room.server.wait_for(lambda: bool(opened.modal))
    written = room.server.submit_modal(room.ada, opened, {"answer": "green"})
    assert "do not know this question" in await room.whispered(written)
    assert (message.content, ids(message)) == (before, buttons)


async def test_a_second_copy_of_a_click_changes_nothing_and_hides_nothing(room: Room) -> None:
    message = await room.asked(content.Question("Which?", ("red", "blue")))
    room.server.gateway.duplicate_next()
    act = room.server.click(room.ada, message, ids(message)[1])
    await room.server.wait_for(lambda: not message.components)
    await room.quiet()
    assert [event.value for event in room.notebook.events] == ["blue", ""]
    assert message.content == "Which?\n\n✔ **Ada**: blue"
    assert act.followups == []
    assert len(room.server.calls(PATCH)) == 1


async def test_a_second_copy_of_a_form_a_decision_and_a_commands_list_is_nothing(room: Room) -> None:
    controls = room.notebook.controls
    controls.owners = (str(room.ada.id),)
    opened = room.server.run_command(room.ada, room.channel, "config")
    await room.server.wait_for(lambda: bool(opened.modal))
    room.server.gateway.duplicate_next()
    entered = {"agent": "default", "engage": "always", "budget": ""}
    form = room.server.submit_modal(room.ada, opened, entered)
    assert "as you say" in await room.whispered(form)
    decision = Decision("access:1234", (("allow", "Let them in"),))
    await room.bot.send(
        delivery(room.bot, content.Text("Eve wants in."), place(room.channel), decision=decision)
    )
    message = room.server.messages(room.channel)[-1]
    room.server.gateway.duplicate_next()
    decided = room.server.click(room.ada, message, ids(message)[0])
    await room.server.wait_for(lambda: not message.components)
    room.server.gateway.duplicate_next()
    listed = room.server.run_command(room.ada, room.channel, "tasks")
    await room.server.wait_for(lambda: listed.original is not None and not listed.original.loading)
    room.server.gateway.duplicate_next()
    asked = room.server.run_command(room.ada, room.channel, "ask", {"question": "what is a dove?"})
    await room.notebook.next()
    await room.quiet()
    assert [order[1:] for order in controls.ordered] == [
        ("rules",),
        ("rules",),  # what the other form asks stays as it is
        ("set_rules",),
        ("decide", "access:1234", "allow"),
        ("tasks",),
    ]
    assert controls.channel_rules == ChannelRules("default", "always")
    assert [event.text for event in room.notebook.events] == ["what is a dove?", "so there"]
    assert message.content.count("✔") == 1
    assert not any(act.followups for act in (form, decided, listed, asked))


# ── calls by an interaction's own token ──────────────────────────────────────────────────────────────────


async def test_the_call_that_takes_an_interactions_last_place_is_answered_at_once(room: Room) -> None:
    """The library would keep its answer for the five minutes until there is another place."""
    room.server.quotas.wide[PATCH] = (300.0, 1)
    long = "\n\n".join(["word " * 300] * 2)
    room.notebook.controls.spent = replace(room.notebook.controls.spent, text=long)
    listed = room.server.run_command(room.ada, room.channel, "usage")
    await room.server.wait_for(lambda: bool(listed.followups))


async def test_a_long_limit_of_an_interaction_is_told_and_not_slept_through(room: Room) -> None:
    room.server.quotas.wide[PATCH] = (300.0, 0)
    listed = room.server.run_command(room.ada, room.channel, "usage")
    assert "try again in a minute" in await room.whispered(listed)


async def test_a_short_limit_of_an_interaction_is_waited_out(room: Room) -> None:
    room.server.quotas.wide[PATCH] = (0.2, 1)
    message = await room.asked(content.Question("Which?", ("red", "blue")))
    for number in range(3):
        listed = room.server.run_command(room.ada, room.channel, "tasks")
        await shown(room, listed)
        assert listed.followups == [], number
    room.server.click(room.ada, message, ids(message)[1])
    await room.server.wait_for(lambda: not message.components)


# ── what a payload lacks ─────────────────────────────────────────────────────────────────────────────────

Change = Callable[[Json], object]
LACKS: list[Change] = [
    lambda click: click.pop("message"),
    lambda click: click.update(message=None),
    lambda click: click["message"].pop("components"),
    lambda click: click["message"].update(components=[]),
    lambda click: click["message"].pop("content"),
    lambda click: click["message"].update(content=None, flags=None),
    lambda click: click["message"].update(mentions={"a": 1}),
    lambda click: click.update(locale=None),
    lambda click: [click.pop("channel", None), click.pop("guild", None), click.update(of_tomorrow=[{}])],
    lambda click: [click.pop("channel", None), click.pop("channel_id", None)],
]


def changed(room: Room, act: Callable[[], Interaction], change: Change) -> Interaction:
    """What somebody does, as a Discord that sends less of it, or other, has it."""
    room.server.gateway.lose_next()
    done = act()
    payload = payloads.interaction(done, room.server.world.application_id, room.server.world.bot)
    change(payload)
    room.server.gateway.dispatch("INTERACTION_CREATE", dict(reversed(payload.items())))
    return done


def _is_closed(message: Message) -> bool:
    return not message.components


async def test_a_click_counts_by_its_buttons_id_whatever_else_it_lacks(room: Room) -> None:
    for number, change in enumerate(LACKS):
        asked = delivery(
            room.bot,
            content.Question("Which?", ("red", "blue")),
            place(room.channel),
            question=f"q{number}",
            key=f"{number:016x}",
        )
        await room.bot.send(asked)
        message = room.server.messages(room.channel)[-1]
        changed(room, partial(room.server.click, room.ada, message, ids(message)[0]), change)
        answer = await room.notebook.next(number + 1)
        assert (answer.refers_to, answer.value) == (f"q{number}", "red")
        if number != len(LACKS) - 1:  # the library finds no message of a click without a channel
            await room.server.wait_for(partial(_is_closed, message))
            assert message.content == "Which?\n\n✔ **Ada**: red"


async def test_what_a_form_does_not_bring_back_changes_nothing_and_is_told(room: Room) -> None:
    controls = room.notebook.controls
    controls.owners = (str(room.ada.id),)
    controls.channel_rules = ChannelRules(askers=("5",), tools=("bash",))
    message = await room.asked(content.Question("Which?", ("red",), free_text=True))
    opened = room.server.click(room.ada, message, ids(message)[-1])
    limits = room.server.run_command(room.ada, room.channel, "config", {"part": "limits"})
    await room.server.wait_for(lambda: bool(opened.modal and limits.modal))
    for form, entered, lost in ((opened, {"answer": "green"}, "answer"), (limits, {}, "tools")):

        def without(payload: Json, name: str = lost) -> None:
            fields = payload["data"]["components"]
            payload["data"]["components"] = [one for one in fields if f"'{name}'" not in str(one)]

        sent = changed(room, partial(room.server.submit_modal, room.ada, form, entered), without)
        assert "try again" in await room.whispered(sent)
    await room.quiet()
    assert [event.event_class for event in room.notebook.events] == [EventClass.MESSAGE]
    assert controls.channel_rules.tools == ("bash",)


async def test_a_decision_whose_place_is_not_known_is_nobodys_and_told(room: Room) -> None:
    decision = Decision("access:1234", (("allow", "Let them in"),))
    await room.bot.send(
        delivery(room.bot, content.Text("Eve wants in."), place(room.channel), decision=decision)
    )
    message = room.server.messages(room.channel)[-1]
    pressed = changed(room, lambda: room.server.click(room.ada, message, ids(message)[0]), LACKS[-1])
    assert await room.whispered(pressed) == telling.NOT_HERE
    assert room.notebook.controls.ordered == []

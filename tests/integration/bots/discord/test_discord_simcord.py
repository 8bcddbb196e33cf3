"""What an independent Discord makes of the bot: its commands, lists, forms and buttons, and forwards.

simcord drives the client's own command tree and checks every component by rules that are not ours, so that the fake
and the bot cannot be wrong in the same way; and it speaks forwards, which the fake does not.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import simcord

from bots.common import rules
from bots.discord.client import wire
from bots.discord.life import DoveClient
from bots.discord.questions.book import QuestionBook
from bots.discord.sending import rendering
from host.ports.bot import Delivery
from host.ports.controls import Overview, TaskList, TaskOrder, TaskView
from sessiondb import Address, content
from tests.support.discording import Notebook
from tests.support.hosting import config

pytestmark = pytest.mark.simcord(approved_intents=wire.intents())


@pytest.fixture
def notebook() -> Notebook:
    return Notebook()


@pytest.fixture
def simcord_bot(tmp_path: Path, notebook: Notebook) -> DoveClient:
    return client(tmp_path, notebook)


def client(folder: Path, notebook: Notebook) -> DoveClient:
    return DoveClient(config(folder), notebook, QuestionBook(folder), lambda: None)


def hall(env: simcord.Env) -> tuple[simcord.GuildHandle, simcord.ChannelHandle, simcord.MemberActor]:
    """A server with a channel, and a person in it."""
    guild = env.create_guild()
    return guild, guild.create_text_channel("general"), guild.add_member(env.create_user("ada"))


async def test_a_forward_brings_what_it_forwards_with_its_files(
    simcord_env: simcord.Env, notebook: Notebook
) -> None:
    _, channel, ada = hall(simcord_env)
    said = await ada.send(channel, "the *build* is red", attachments=[("log.txt", b"red")])
    await ada.forward(said, channel)
    event = await notebook.next(2)
    assert event.text == ""
    assert [(part.kind, part.text) for part in event.parts] == [
        ("forwarded", "the *build* is red\n[attached: log.txt]")
    ]
    assert [file.name for file in event.files] == ["log.txt"]


async def test_every_command_is_registered_and_takes_what_people_give_it(
    simcord_env: simcord.Env, notebook: Notebook
) -> None:
    _, channel, ada = hall(simcord_env)
    said = await ada.send(channel, "doves coo")
    assert set(ada.available_commands(channel)) >= {"ask", "tasks", "stop", "usage", "why", "config"}
    asked = await ada.slash(channel, "ask", question="what is a dove?")
    about = await ada.context_menu(channel, "Ask about this message", said)
    assert asked.response is not None
    assert asked.response.content == "**ada** asks: what is a dove?"
    assert about.response is not None
    assert [event.text for event in notebook.events] == [
        "doves coo",
        "what is a dove?",
        "What about this message?",
    ]
    assert [(part.author, part.text) for part in notebook.events[2].parts] == [("ada", "doves coo")]


async def test_a_task_is_paused_by_its_button(simcord_env: simcord.Env, notebook: Notebook) -> None:
    guild, channel, ada = hall(simcord_env)
    place = Address("discord", str(guild.id), str(channel.id))
    orders = (TaskOrder.PAUSE, TaskOrder.RUN, TaskOrder.CANCEL)
    task = TaskView("t1", "Report", "default", place, "every day", 0, "", False, orders)
    notebook.controls.shown = Overview(tasks=TaskList((task,)))
    listed = await ada.slash(channel, "tasks")
    assert listed.ephemeral
    assert listed.response is not None
    await ada.click(listed.response, label="Pause")
    assert (str(ada.id), "order", "t1", "pause") in notebook.controls.ordered


async def test_an_owner_opens_a_channel_in_a_form(simcord_env: simcord.Env, notebook: Notebook) -> None:
    _, channel, ada = hall(simcord_env)
    notebook.controls.owners = (str(ada.id),)
    shown = await ada.slash(channel, "config")
    entered = {
        rules.AGENT: [rules.AS_CONFIGURED],
        rules.ENGAGE: ["always"],
        rules.MODEL: [rules.AS_CONFIGURED],
        rules.INSTRUCTIONS: "In German.",
        rules.BUDGET: "2.50",
    }
    told = await ada.submit_modal(shown, entered)
    assert told.ephemeral
    assert (notebook.controls.channel_rules.engage, notebook.controls.channel_rules.budget_usd_per_day) == (
        "always",
        2.5,
    )


async def test_a_questions_button_is_known_to_a_client_that_did_not_ask_it(
    simcord_env: simcord.Env, simcord_bot: DoveClient, notebook: Notebook, tmp_path: Path
) -> None:
    guild, channel, ada = hall(simcord_env)
    [payload] = rendering.render(content.Question("Deploy?", ("yes", "no")))
    asked = Delivery("0e", Address("discord", str(guild.id), str(channel.id)), payload, question="q1")
    await simcord_bot.outbox.send(asked)
    await simcord_env.restart_bot(client(tmp_path, notebook))
    question = channel.last_message
    assert question is not None
    await ada.click(question, label="no")
    [answer] = notebook.events
    assert (answer.refers_to, answer.value) == ("q1", "no")
    answered = channel.last_message
    assert answered is not None
    assert answered.content == "Deploy?\n\n✔ **ada**: no"

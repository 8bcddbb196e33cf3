"""Interactions at the fake through discord.py's command tree, views, dynamic items and modals."""

import re
from typing import Any

import discord
import pytest
from discord import app_commands, ui

from tests.fakes.discord import FakeDiscord, NotOfferedError, Upload
from tests.fakes.discord.client import ListeningClient, connected

Interaction = discord.Interaction[Any]


class Approve(ui.View):
    """Persistent: no timeout, and a custom_id of its own."""

    def __init__(self) -> None:
        super().__init__(timeout=None)
        self.clicked_by: list[str] = []

    @ui.button(label="Approve", custom_id="approve", style=discord.ButtonStyle.success)
    async def approve(self, interaction: Interaction, _: ui.Button["Approve"]) -> None:
        self.clicked_by.append(interaction.user.name)
        await interaction.response.edit_message(content=f"Approved by {interaction.user.name}", view=None)


class Vote(ui.DynamicItem[ui.Button[ui.View]], template=r"vote:(?P<question>\d+)"):
    """Its state is in the custom_id, so it survives a restart."""

    def __init__(self, question: int) -> None:
        self.question = question
        super().__init__(ui.Button(label="Yes", custom_id=f"vote:{question}"))

    @classmethod
    async def from_custom_id(
        cls, interaction: Interaction, item: ui.Item[Any], match: re.Match[str]
    ) -> "Vote":
        return cls(int(match["question"]))

    async def callback(self, interaction: Interaction) -> None:
        await interaction.response.send_message(f"vote on {self.question}", ephemeral=True)


class Feedback(ui.Modal, title="Feedback"):
    text: ui.TextInput["Feedback"] = ui.TextInput(label="What?", custom_id="text")

    async def on_submit(self, interaction: Interaction) -> None:
        await interaction.response.send_message(f"Noted: {self.text.value}")


class Bot(ListeningClient):
    def __init__(self) -> None:
        super().__init__()
        self.tree: app_commands.CommandTree[Any] = app_commands.CommandTree(self)
        self.approve = Approve()

        @self.tree.command(description="Asks the agent")
        @app_commands.describe(question="What to ask", file="Something to read")
        async def ask(
            interaction: Interaction, question: str, file: discord.Attachment | None = None
        ) -> None:
            await interaction.response.defer(thinking=True)
            read = "" if file is None else f" ({(await file.read()).decode()})"
            await interaction.followup.send(f"{question}? 42{read}")
            await interaction.followup.send("more")

        @ask.autocomplete("question")
        async def suggest(_: Interaction, typed: str) -> list[app_commands.Choice[str]]:
            return [app_commands.Choice(name=typed + "…", value=typed)]

        @self.tree.command(description="Opens a form")
        async def feedback(interaction: Interaction) -> None:
            await interaction.response.send_modal(Feedback())

        @self.tree.command(description="Says it to one person")
        async def whisper(interaction: Interaction, to: discord.Member) -> None:
            await interaction.response.send_message(f"to {to.name}", ephemeral=True)

        group = app_commands.Group(name="tasks", description="Tasks")

        @group.command(name="list", description="Lists tasks")
        async def list_tasks(interaction: Interaction, limit: int = 5) -> None:
            await interaction.response.send_message(f"{limit} tasks")

        self.tree.add_command(group)

        @self.tree.context_menu(name="Summarise")
        async def summarise(interaction: Interaction, message: discord.Message) -> None:
            await interaction.response.send_message(message.content.upper())

        @self.tree.context_menu(name="Greet")
        async def greet(interaction: Interaction, member: discord.Member) -> None:
            await interaction.response.send_message(f"hello {member.name}")

    async def setup_hook(self) -> None:
        self.add_view(self.approve)
        self.add_dynamic_items(Vote)
        await self.tree.sync()


async def test_a_slash_command_is_deferred_and_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAKE_PAYLOADS", "full")
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with connected(Bot(), server) as client:
            file = Upload("note.txt", b"a note")
            run = server.run_command(ada, channel, "ask", {"question": "why", "file": file})
            await server.wait_for(lambda: run.followups)
            assert run.original is not None
            assert run.original.content == "why? 42 (a note)"
            assert not run.original.loading
            assert [m.content for m in run.followups] == ["more"]
            first = await client.hear("message")
            assert first.interaction_metadata is not None
            assert first.interaction_metadata.user.id == ada.id
            edit = await client.hear("raw_message_edit")
            assert edit.cached_message.flags.loading
            assert edit.message.content == "why? 42 (a note)"


async def test_subcommands_context_menus_and_suggestions_work() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with connected(Bot(), server):
            listed = server.run_command(ada, channel, "tasks list", {"limit": 3})
            message = server.say(ada, channel, "shout")
            summary = server.run_message_command(ada, message, "Summarise")
            greeting = server.run_user_command(ada, channel, guild.owner, "Greet")
            typing = server.autocomplete(ada, channel, "ask", "question", "wh")
            assert (await server.wait_for(lambda: listed.original)).content == "3 tasks"
            assert (await server.wait_for(lambda: summary.original)).content == "SHOUT"
            assert (await server.wait_for(lambda: greeting.original)).content == "hello owner"
            assert [c["name"] for c in await server.wait_for(lambda: typing.choices)] == ["wh…"]
            with pytest.raises(NotOfferedError):
                server.run_command(ada, channel, "nothing")
            with pytest.raises(NotOfferedError):
                server.run_command(ada, channel, "ask")


async def test_an_ephemeral_answer_is_seen_by_one_person_only() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada, bob = server.add_user("ada", guild), server.add_user("bob", guild)
        async with connected(Bot(), server) as client:
            run = server.run_command(ada, channel, "whisper", {"to": bob})
            answer = await server.wait_for(lambda: run.original)
            assert (answer.content, answer.ephemeral, answer.visible_to) == ("to bob", True, ada)
            mirror = client.get_channel(channel.id)
            assert isinstance(mirror, discord.TextChannel)
            assert [m async for m in mirror.history()] == []
            with pytest.raises(NotOfferedError):
                server.click(bob, answer, "anything")


async def test_a_click_reaches_a_persistent_view_after_a_restart() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with connected(Bot(), server) as first:
            mirror = first.get_channel(channel.id)
            assert isinstance(mirror, discord.TextChannel)
            await mirror.send("Deploy?", view=Approve())
        question = server.messages(channel)[0]
        async with connected(Bot(), server) as second:
            with pytest.raises(NotOfferedError):
                server.click(ada, question, "reject")
            server.click(ada, question, "approve")
            await server.wait_for(lambda: question.content == "Approved by ada")
            assert second.approve.clicked_by == ["ada"]
            assert question.components == []


async def test_a_click_reaches_a_dynamic_item() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with connected(Bot(), server) as client:
            mirror = client.get_channel(channel.id)
            assert isinstance(mirror, discord.TextChannel)
            await mirror.send("Vote", view=ui.View(timeout=None).add_item(Vote(31)))
            click = server.click(ada, server.messages(channel)[0], "vote:31")
            assert (await server.wait_for(lambda: click.original)).content == "vote on 31"


async def test_a_select_sends_the_chosen_values() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with connected(Bot(), server) as client:
            picker: ui.Select[ui.View] = ui.Select(custom_id="pick")
            picker.add_option(label="Red", value="red")
            people: ui.UserSelect[ui.View] = ui.UserSelect(custom_id="who")
            view = ui.View(timeout=None).add_item(picker).add_item(people)
            mirror = client.get_channel(channel.id)
            assert isinstance(mirror, discord.TextChannel)
            await mirror.send("Choose", view=view)
            message = server.messages(channel)[0]
            server.select(ada, message, "pick", ["red"])
            chosen = await client.hear("interaction")
            assert chosen.data["values"] == ["red"]
            await chosen.response.defer()
            server.select(ada, message, "who", [ada])
            assert (await client.hear("interaction")).data["resolved"]["users"][str(ada.id)][
                "username"
            ] == "ada"
            with pytest.raises(NotOfferedError):
                server.select(ada, message, "pick", ["blue"])


async def test_a_modal_is_opened_and_submitted() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with connected(Bot(), server):
            opened = server.run_command(ada, channel, "feedback")
            modal = await server.wait_for(lambda: opened.modal)
            assert modal["title"] == "Feedback"
            sent = server.submit_modal(ada, opened, {"text": "faster"})
            assert (await server.wait_for(lambda: sent.original)).content == "Noted: faster"


async def test_an_interaction_is_unknown_after_three_seconds_and_taken_once() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with connected(Bot(), server) as client:
            mirror = client.get_channel(channel.id)
            assert isinstance(mirror, discord.TextChannel)
            button: ui.Button[ui.View] = ui.Button(label="Go", custom_id="go")
            await mirror.send("Go?", view=ui.View(timeout=None).add_item(button))
            message = server.messages(channel)[0]
            server.click(ada, message, "go")
            first = await client.hear("interaction")
            server.clock.advance(3.1)
            with pytest.raises(discord.NotFound) as late:
                await first.response.defer()
            assert late.value.code == 10062
            server.click(ada, message, "go")
            second = await client.hear("interaction")
            await client.http.request(_callback(second), json={"type": 6})
            with pytest.raises(discord.HTTPException) as twice:
                await client.http.request(_callback(second), json={"type": 6})
            assert twice.value.code == 40060


async def test_the_token_of_an_interaction_dies_after_fifteen_minutes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FAKE_PAYLOADS", "full")
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with connected(Bot(), server) as client:
            run = server.run_command(ada, channel, "tasks list")
            await server.wait_for(lambda: run.original)
            heard = await client.hear("interaction")
            await heard.edit_original_response(content="changed")
            assert (await heard.original_response()).content == "changed"
            extra = await heard.followup.send("extra", wait=True)
            await extra.delete()
            await heard.delete_original_response()
            assert server.messages(channel) == []
            server.clock.advance(901)
            with pytest.raises(discord.HTTPException) as dead:
                await heard.followup.send("too late")
            assert dead.value.code == 50027


async def test_syncing_again_keeps_the_ids_of_commands() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        async with connected(Bot(), server) as client:
            before = {c.name: c.id for c in await client.tree.fetch_commands()}
            assert set(before) == {"ask", "feedback", "whisper", "tasks", "Summarise", "Greet"}
            assert {c.name: c.id for c in await client.tree.sync()} == before
            assert await client.tree.sync(guild=discord.Object(guild.id)) == []


def _callback(interaction: Interaction) -> discord.http.Route:
    path = "/interactions/{webhook_id}/{webhook_token}/callback"
    return discord.http.Route("POST", path, webhook_id=interaction.id, webhook_token=interaction.token)

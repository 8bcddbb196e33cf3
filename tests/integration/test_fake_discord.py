"""The fake against the unmodified discord.py: connecting, talking, threads, files, permissions."""

import discord

from tests.fakes.discord import FakeDiscord
from tests.fakes.discord.client import ListeningClient, connected


async def test_a_client_logs_in_and_hears_what_a_person_says() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild("Loft")
        channel = server.add_text_channel(guild, "general")
        ada = server.add_user("ada", guild)
        async with connected(ListeningClient(), server) as client:
            assert client.user is not None
            assert client.user.id == server.bot.id
            assert [one.name for one in client.guilds] == ["Loft"]
            said = server.say(ada, channel, "hello", mention_bot=True)
            heard: discord.Message = await client.hear("message")
            assert (heard.id, heard.author.id, heard.author.name) == (said.id, ada.id, "ada")
            assert heard.content == f"<@{server.bot.id}> hello"
            assert client.user in heard.mentions
            answer = await heard.reply("hi there")
            assert [m.content for m in server.messages(channel)] == [said.content, "hi there"]
            assert answer.reference is not None
            assert answer.reference.message_id == said.id

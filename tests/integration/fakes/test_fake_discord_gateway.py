"""The fake's gateway against the unmodified discord.py: resuming, refusing, and broken sockets."""

import asyncio

import aiohttp
import discord
import pytest

from tests.fakes.discord import FakeDiscord, Intent
from tests.fakes.discord.client import ListeningClient, connected, pointed_at


async def test_a_dropped_socket_resumes_and_replays_what_was_missed() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with connected(ListeningClient(), server) as client:
            server.gateway.drop()
            server.say(ada, channel, "are you there?")
            assert (await client.hear("message")).content == "are you there?"
            await client.hear("resumed")
            assert (server.gateway.identifies, server.gateway.resumes) == (1, 1)


async def test_reconnect_asks_for_a_resume() -> None:
    async with FakeDiscord() as server:
        server.add_guild()
        async with connected(ListeningClient(), server) as client:
            server.gateway.reconnect()
            await client.hear("resumed")
            assert server.gateway.identifies == 1


async def test_a_close_code_of_the_gateway_is_followed_by_a_resume() -> None:
    async with FakeDiscord() as server:
        server.add_guild()
        async with connected(ListeningClient(), server) as client:
            server.gateway.close(4000)
            await client.hear("resumed")
            assert server.gateway.identifies == 1


async def test_an_invalid_session_identifies_anew_and_its_events_are_lost() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with connected(ListeningClient(), server) as client:
            await client.hear("ready")
            server.gateway.invalidate(resumable=False)
            server.say(ada, channel, "lost")
            await client.hear("ready")
            server.say(ada, channel, "heard")
            assert (await client.hear("message")).content == "heard"
            target = client.get_channel(channel.id)
            assert isinstance(target, discord.TextChannel)
            assert [m.content async for m in target.history(oldest_first=True)] == ["lost", "heard"]


async def test_a_resumable_invalid_session_is_resumed() -> None:
    async with FakeDiscord() as server:
        server.add_guild()
        async with connected(ListeningClient(), server) as client:
            server.gateway.invalidate(resumable=True)
            await client.hear("resumed")
            assert server.gateway.identifies == 1


async def test_a_forgotten_session_cannot_be_resumed() -> None:
    async with FakeDiscord() as server:
        server.add_guild()
        async with connected(ListeningClient(), server) as client:
            await client.hear("ready")
            server.gateway.forget_sessions()
            server.gateway.drop()
            await client.hear("ready")
            assert (server.gateway.identifies, server.gateway.resumes) == (2, 1)


@pytest.mark.parametrize(("code", "left"), [(1000, 0), (1001, 0), (4000, 1)])
async def test_only_a_clean_close_ends_the_session(code: int, left: int) -> None:
    async with FakeDiscord() as server, aiohttp.ClientSession() as http:
        socket = await http.ws_connect(server.gateway_url)
        await socket.send_json({"op": 2, "d": {"token": server.token, "intents": 0, "properties": {}}})
        await server.wait_for(lambda: server.gateway.connections == 1)
        await socket.close(code=code)
        await server.wait_for(lambda: server.gateway.connections == 0)
        assert server.gateway.sessions == left


async def test_closing_the_client_frees_its_socket() -> None:
    async with FakeDiscord() as server:
        server.add_guild()
        async with connected(ListeningClient(), server):
            assert server.gateway.connections == 1
        await server.wait_for(lambda: server.gateway.connections == 0)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", 4002),
        ('{"op": 8, "d": {}}', 4003),
        ('{"op": 2, "d": {"token": "wrong", "intents": 0}}', 4004),
        ('{"op": 6, "d": {"token": "wrong", "session_id": "x", "seq": 1}}', 4004),
    ],
)
async def test_a_frame_that_breaks_the_protocol_closes_the_socket(frame: str, code: int) -> None:
    async with FakeDiscord() as server, aiohttp.ClientSession() as http:
        socket = await http.ws_connect(server.gateway_url)
        assert (await socket.receive_json())["op"] == 10
        await socket.send_str(frame)
        async with asyncio.timeout(10):
            await socket.receive()
        assert socket.close_code == code


async def test_an_intent_that_the_portal_does_not_allow_is_refused() -> None:
    async with FakeDiscord() as server, ListeningClient() as client:
        server.settings.enabled_intents = Intent.NONE
        with pointed_at(server), pytest.raises(discord.PrivilegedIntentsRequired):
            await client.start(server.token)


async def test_a_token_that_the_gateway_rejects_ends_the_client() -> None:
    async with FakeDiscord() as server, ListeningClient() as client:
        with pointed_at(server):
            await client.login(server.token)
            server.world.token = "rotated"
            with pytest.raises(discord.ConnectionClosed) as closed:
                await client.connect()
            assert closed.value.code == 4004


async def test_a_malformed_dispatch_ends_the_client() -> None:
    async with FakeDiscord() as server, ListeningClient() as client:
        server.add_guild()
        with pointed_at(server):
            running = asyncio.create_task(client.start(server.token))
            await client.hear("ready")
            server.gateway.dispatch("MESSAGE_CREATE", {"id": "1"})
            with pytest.raises(KeyError):
                await asyncio.wait_for(running, 15)


async def test_a_silent_socket_is_given_up_and_the_session_resumed() -> None:
    async with FakeDiscord() as server:
        server.settings.heartbeat_interval = 0.2
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with connected(ListeningClient(heartbeat_timeout=1.0), server) as client:
            await server.wait_for(lambda: server.gateway.heartbeats >= 2)
            server.gateway.silence()
            server.say(ada, channel, "into the void")
            assert (await client.hear("message")).content == "into the void"
            assert server.gateway.resumes >= 1


async def test_dispatches_are_duplicated_reordered_and_lost_on_demand() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with connected(ListeningClient(), server) as client:
            server.gateway.duplicate_next()
            server.say(ada, channel, "twice")
            assert [(await client.hear("message")).content for _ in range(2)] == ["twice", "twice"]
            server.gateway.hold_next()
            server.say(ada, channel, "first")
            server.say(ada, channel, "second")
            assert [(await client.hear("message")).content for _ in range(2)] == ["second", "first"]
            server.gateway.lose_next()
            server.say(ada, channel, "lost")
            server.say(ada, channel, "last")
            assert (await client.hear("message")).content == "last"


async def test_random_trouble_loses_nothing_when_sessions_are_resumed() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with connected(ListeningClient(), server) as client:
            server.gateway.chance(0.3, seed=5)
            said = {server.say(ada, channel, f"m{number}").id for number in range(30)}
            server.gateway.chance(0.0, seed=5)
            said.add(server.say(ada, channel, "end").id)
            heard: set[int] = set()
            while heard != said:
                heard.add((await client.hear("message")).id)


async def test_discord_comes_back_on_the_same_port_after_an_outage() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        channel = server.add_text_channel(guild)
        ada = server.add_user("ada", guild)
        async with connected(ListeningClient(), server) as client:
            await server.stop()
            await client.hear("disconnect")
            server.say(ada, channel, "while you were out")
            await server.start(server.port)
            assert (await client.hear("message", timeout=60)).content == "while you were out"

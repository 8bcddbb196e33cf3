"""What the fake refuses by size, with Discord's own error structure."""

import io
from typing import Any

import aiohttp
import discord
import pytest

from tests.fakes.discord import Channel, FakeDiscord
from tests.fakes.discord.client import ListeningClient, connected

TOO_LONG = "BASE_TYPE_MAX_LENGTH"
BAD_LENGTH = "BASE_TYPE_BAD_LENGTH"


def button(custom_id: str = "b", **more: Any) -> dict[str, Any]:
    return {"type": 2, "style": 1, "label": "x", "custom_id": custom_id, **more}


def rows(*widths: int) -> list[dict[str, Any]]:
    return [
        {"type": 1, "components": [button(f"{row}-{column}") for column in range(width)]}
        for row, width in enumerate(widths)
    ]


def one(component: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"type": 1, "components": [component]}]


def select(count: int) -> dict[str, Any]:
    options = [{"label": str(number), "value": str(number)} for number in range(count)]
    return {"type": 3, "custom_id": "s", "options": options}


async def post(server: FakeDiscord, path: str, body: Any, method: str = "POST") -> tuple[int, Any]:
    headers = {"Authorization": f"Bot {server.token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.request(method, server.api_url + path, json=body) as answer,
    ):
        return answer.status, await answer.json()


def room(server: FakeDiscord) -> Channel:
    return server.add_text_channel(server.add_guild())


@pytest.mark.parametrize(
    "body",
    [
        {"content": "x" * 2000},
        {"content": "x", "nonce": "n" * 25},
        {"embeds": [{"description": "d" * 4096}, {"description": "d" * 1904}]},
        {"content": "x", "components": rows(5, 5, 5, 5, 5)},
        {"content": "x", "components": one(button("c" * 100))},
        {"content": "x", "components": one(select(25))},
        {"flags": 1 << 15, "components": [{"type": 10, "content": "x" * 4000}]},
    ],
)
async def test_a_message_at_the_limit_is_accepted(body: dict[str, Any]) -> None:
    async with FakeDiscord() as server:
        status, _ = await post(server, f"/channels/{room(server).id}/messages", body)
        assert status == 200


@pytest.mark.parametrize(
    ("body", "path", "code"),
    [
        ({"content": "x" * 2001}, ["content"], TOO_LONG),
        ({"content": "x", "nonce": "n" * 26}, ["nonce"], TOO_LONG),
        ({"embeds": [{"title": "t" * 257}]}, ["embeds", "0", "title"], TOO_LONG),
        ({"embeds": [{"description": "d" * 4097}]}, ["embeds", "0", "description"], TOO_LONG),
        ({"embeds": [{"description": "d" * 3001}] * 2}, ["embeds"], "MAX_EMBED_SIZE_EXCEEDED"),
        ({"embeds": [{"title": "t"}] * 11}, ["embeds"], TOO_LONG),
        (
            {"embeds": [{"fields": [{"name": "n", "value": "v" * 1025}]}]},
            ["embeds", "0", "fields", "0", "value"],
            TOO_LONG,
        ),
        ({"content": "x", "components": rows(1, 1, 1, 1, 1, 1)}, ["components"], BAD_LENGTH),
        ({"content": "x", "components": rows(6)}, ["components", "0", "components"], BAD_LENGTH),
        (
            {"content": "x", "components": one(button("c" * 101))},
            ["components", "0", "components", "0", "custom_id"],
            BAD_LENGTH,
        ),
        (
            {"content": "x", "components": [*one(button("same")), *one(button("same"))]},
            ["components", "1", "components", "0", "custom_id"],
            "COMPONENT_CUSTOM_ID_DUPLICATED",
        ),
        (
            {"content": "x", "components": one(button(label="l" * 81))},
            ["components", "0", "components", "0", "label"],
            TOO_LONG,
        ),
        (
            {"content": "x", "components": one(select(26))},
            ["components", "0", "components", "0", "options"],
            BAD_LENGTH,
        ),
        (
            {"content": "x", "message_reference": {"message_id": "1"}},
            ["message_reference"],
            "REPLIES_UNKNOWN_MESSAGE",
        ),
    ],
)
async def test_a_message_beyond_a_limit_names_the_field(
    body: dict[str, Any], path: list[str], code: str
) -> None:
    async with FakeDiscord() as server:
        channel = room(server)
        status, answer = await post(server, f"/channels/{channel.id}/messages", body)
        assert (status, answer["code"], answer["message"]) == (400, 50035, "Invalid Form Body")
        node = answer["errors"]
        for key in path:
            node = node[key]
        assert [error["code"] for error in node["_errors"]] == [code]
        assert server.messages(channel) == []


@pytest.mark.parametrize("name", ["", "n" * 101])
async def test_a_threads_name_has_one_to_a_hundred_characters(name: str) -> None:
    async with FakeDiscord() as server:
        channel = room(server)
        status, answer = await post(server, f"/channels/{channel.id}/threads", {"name": name, "type": 11})
        assert (status, answer["code"]) == (400, 50035)
        assert answer["errors"]["name"]["_errors"][0]["code"] == BAD_LENGTH


async def test_an_empty_message_and_broken_json_are_refused() -> None:
    async with FakeDiscord() as server:
        path = f"/channels/{room(server).id}/messages"
        assert (await post(server, path, {"content": "  "}))[1]["code"] == 50006
        headers = {"Authorization": f"Bot {server.token}"}
        async with (
            aiohttp.ClientSession(headers=headers) as http,
            http.post(server.api_url + path, data="{") as answer,
        ):
            assert (answer.status, (await answer.json())["code"]) == (400, 50109)


async def test_a_command_with_a_bad_name_is_refused() -> None:
    async with FakeDiscord() as server:
        path = f"/applications/{server.application_id}/commands"
        commands = [{"name": "Not A Name", "description": "d", "type": 1}]
        status, answer = await post(server, path, commands, "PUT")
        assert (status, answer["errors"]["0"]["name"]["_errors"][0]["code"]) == (
            400,
            "APPLICATION_COMMAND_INVALID_NAME",
        )


async def test_files_are_limited_in_number_and_by_the_guilds_size() -> None:
    async with FakeDiscord() as server:
        guild = server.add_guild()
        guild.upload_limit = 10
        channel = server.add_text_channel(guild)
        async with connected(ListeningClient(), server) as client:
            mirror = client.get_channel(channel.id)
            assert isinstance(mirror, discord.TextChannel)
            await mirror.send(file=discord.File(io.BytesIO(b"x" * 10), "fits.bin"))
            with pytest.raises(discord.HTTPException) as large:
                await mirror.send(file=discord.File(io.BytesIO(b"x" * 11), "large.bin"))
            assert (large.value.status, large.value.code) == (413, 40005)
            with pytest.raises(discord.HTTPException) as many:
                await mirror.send(files=[discord.File(io.BytesIO(b"x"), f"{n}") for n in range(11)])
            assert many.value.code == 50035
            assert len(server.messages(channel)) == 1


async def test_an_unknown_route_is_a_404_and_a_missing_token_a_401() -> None:
    async with FakeDiscord() as server, aiohttp.ClientSession() as http:
        assert (await post(server, "/nowhere", {}))[0] == 404
        async with http.get(f"{server.api_url}/users/@me") as answer:
            assert answer.status == 401

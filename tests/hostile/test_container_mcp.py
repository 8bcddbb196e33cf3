"""MCP servers on the web from inside a container: it uses them, and finds nothing of where they are or who the host is there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from host.gateway.signins import SignIns
from host.ports.events import Author, InboundEvent
from host.words import Sentence, as_it_is
from tests.fakes.mcp_server.loopback import LoopbackMCP, agree
from tests.support.dockers import docker_config, docker_serving, left_out
from tests.support.redteam import Seat, attack, twin, walled

pytest_plugins = ["tests.support.engine"]
pytestmark = [pytest.mark.docker, attack(Seat.CONTAINER, 9)]

SECRET = "sesame-of-the-host"
OWNER = "UBOSS"


def looking_for(words: str) -> str:
    """A message that has the mock search everything a program of the container can read.

    The pattern does not fit itself: the search must not find its own message and command line.
    """
    pattern = f"{words[:6]}[{words[6]}]{words[7:]}"
    find = (
        f"cat /proc/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n' | grep -c -- '{pattern}';"
        f" grep -rl -- '{pattern}' /session /shared /agent /tmp 2>/dev/null | wc -l"
    )
    return f"@@call bash {json.dumps({'command': find, 'timeout_seconds': 60})}\n@@results"


async def test_a_secret_is_used_and_nowhere_to_be_found(tmp_path: Path, image: str) -> None:
    async with LoopbackMCP(secret=f"Bearer {SECRET}") as server:
        options = {"mcp": {"sums": {"url": server.url, "secret_env": "SUMS_TOKEN"}}}
        settings = docker_config(tmp_path, image, agents={"default": {"options": options}})
        async with docker_serving(settings, environment={"SUMS_TOKEN": SECRET}) as (_, bot):
            await bot.say("c", '@@call mcp__sums__add {"a": 2, "b": 3}\n@@results')
            await bot.until(lambda: bot.said("c") == ["5"])
            echo = (
                "curl -sS -i --unix-socket /session/gateway/gateway.sock -H 'authorization: Bearer mine' -X POST"
                " -H 'content-type: application/json' -d '{}' http://x/mcp/sums | head -c 900"
            )
            await bot.say(
                "c", f"@@call bash {json.dumps({'command': echo, 'timeout_seconds': 60})}\n@@results"
            )
            await bot.until(lambda: len(bot.said("c")) == 2)
            await bot.say("c", looking_for(SECRET))
            await bot.until(lambda: len(bot.said("c")) == 3)
            await bot.say("c", looking_for("http://gateway/mcp/sums"))  # what it was told instead
            await bot.until(lambda: len(bot.said("c")) == 4)
    assert len(bot.said("c")) == 4, bot.said("c")
    answered, found, told = bot.said("c")[1:]
    assert told.split()[0] != "0"
    assert "HTTP/1.1 4" in answered
    assert SECRET not in answered
    assert server.origin not in answered
    assert found.split() == ["0", "0"]
    assert {seen["authorization"] for seen in server.seen} == {f"Bearer {SECRET}"}


@twin("test_a_secret_is_used_and_nowhere_to_be_found")
async def test_a_secret_in_a_container_is_found_there(
    tmp_path: Path, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a server is given its secret where it runs beside the agent: by the environment."""
    left_out(monkeypatch, {"SUMS_TOKEN": SECRET})
    async with docker_serving(docker_config(tmp_path, image)) as (_, bot):
        await bot.say("c", looking_for(SECRET))
        await bot.until(lambda: len(bot.said("c")) == 1)
    assert bot.said("c")[0].split()[0] != "0"


@walled
async def test_a_sign_in_leaves_neither_code_nor_token_in_the_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: str, standing: bool
) -> None:
    """The address that a person pastes is the host's; as a message like any other its code would lie in the container."""
    if not standing:
        pasted = SignIns.pasted

        async def goes_on(self: SignIns, event: InboundEvent) -> Sentence:
            await pasted(self, event)
            return as_it_is("")

        monkeypatch.setattr(SignIns, "pasted", goes_on)
    async with LoopbackMCP(guarded=True) as server:
        options = {"mcp": {"sums": {"url": server.url}}}
        owners = {"owners": [f"memory:{OWNER}"]}
        settings = docker_config(tmp_path, image, agents={"default": {"options": options}}, access=owners)
        async with docker_serving(settings, environment={}) as (_, bot):
            await bot.say("c", "hello")
            await bot.until(lambda: bot.said("c") == ["hello"])
            await bot.until(lambda: any(sent.private_to == OWNER for sent in bot.sent))
            told = next(str(sent.payload["text"]) for sent in bot.sent if sent.private_to == OWNER)
            address = await agree(told.partition("](")[2].partition(")")[0])
            await bot.say("c", address, author=Author(OWNER, "Boss"))
            await bot.until(lambda: any("Signed in" in str(sent.payload["text"]) for sent in bot.sent))
            before = len(bot.said("c"))
            await bot.say("c", '@@call mcp__sums__add {"a": 2, "b": 3}\n@@results')
            await bot.until(lambda: len(bot.said("c")) > before and bot.said("c")[-1] == "5")
            [token] = server.authority.access
            code = address.partition("code=")[2].partition("&")[0]
            found = []
            for number, words in enumerate((token, code), len(bot.said("c")) + 1):
                await bot.say("c", looking_for(words))
                await bot.until(lambda number=number: len(bot.said("c")) >= number)  # type: ignore[misc]
                found.append(bot.said("c")[-1].split() != ["0", "0"])
            assert found == [False, not standing]

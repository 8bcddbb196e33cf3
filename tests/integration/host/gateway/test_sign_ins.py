"""Signing in at MCP servers that ask for it: one link to an owner, and tokens that the host alone holds and renews."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from host.config.environment import SEAL_KEY
from host.folders import seal, share
from host.ports.events import Author
from host.registry import logins
from sessiondb import Address
from tests.fakes.mcp_server.loopback import LoopbackMCP, agree, land
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.calling import Caller
from tests.support.hosting import config, now_ms, serving
from tests.support.postgres import Server

ADD = ("mcp__sums__add", {"a": 2, "b": 3})
STATUS: tuple[str, dict[str, Any]] = ("mcp_status", {})
LINK = re.compile(r"\[Open this page\]\((\S+)\)")
OWNER = "UBOSS"
# Whatever nodes ask one another, in a table of the test's.
KEPT = "CREATE TABLE asked_of (body text)"
KEEP = """
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO asked_of VALUES (NEW.body); RETURN NEW; END $$;
CREATE TRIGGER note AFTER INSERT ON errands FOR EACH ROW EXECUTE FUNCTION note()
"""


class Clock:
    """The host's, to be moved."""

    ahead = 0

    def __call__(self) -> int:
        return now_ms() + self.ahead


@dataclass
class Case:
    caller: Caller
    bot: MemoryBot
    server: LoopbackMCP
    clock: Clock
    data: Path

    def told(self) -> list[str]:
        """What the owner was told, alone."""
        return [str(sent.payload["text"]) for sent in self.bot.sent if sent.private_to == OWNER]

    async def until_told(self, words: str) -> str:
        await self.bot.until(lambda: any(words in text for text in self.told()))
        return next(text for text in reversed(self.told()) if words in text)

    async def link(self, number: int = 1) -> str:
        await self.bot.until(lambda: len(LINK.findall("\n".join(self.told()))) >= number)
        return str(LINK.findall("\n".join(self.told()))[number - 1])

    async def signed_in(self) -> None:
        assert "asks for a sign-in; an owner has been sent a link" in await self.caller.call(STATUS)
        assert "You can close this page" in await land(await agree(await self.link()))
        await self.until_told("Signed in")


@asynccontextmanager
async def guarded(
    data: Path, environment: Mapping[str, str] = MappingProxyType({}), **sections: Any
) -> AsyncIterator[Case]:
    async with LoopbackMCP(guarded=True) as server:
        options = {"mcp": {"sums": {"url": server.url}}}
        told = {"access": {"owners": [f"memory:{OWNER}"]}, **sections}
        settings = config(data, agents={"default": {"options": options}}, **told)
        clock = Clock()
        async with serving(settings, now=clock, environment=environment) as (_, bot):
            yield Case(Caller(bot, data), bot, server, clock, data)


def holding(data: Path, words: str) -> list[str]:
    return [str(path) for path in data.rglob("*") if path.is_file() and words.encode() in path.read_bytes()]


async def test_an_owner_opens_the_link_and_the_agent_has_the_tools(tmp_path: Path) -> None:
    async with guarded(tmp_path) as case:
        await case.signed_in()
        assert await case.caller.call(ADD) == "5"
        [access], [refresh] = case.server.authority.access, case.server.authority.refresh
        assert case.server.seen[-1]["authorization"] == f"Bearer {access}"
        # Sealed on the disk, and nowhere else; the people of the channel saw no link.
        assert holding(tmp_path, access) == holding(tmp_path, refresh) == []
        assert (tmp_path / seal.FILE).stat().st_mode & 0o777 == 0o600
        assert not any("http" in text for text in case.bot.said("c"))


async def test_what_a_workspaces_owner_signed_in_for_is_used_in_no_other(tmp_path: Path) -> None:
    """There an agent would read to others what that owner may."""

    class SlackLike(MemoryBot):
        channel_type = "slack"

    bot, (one, other) = SlackLike(), ("T0ONE", "T0OTHER")
    access = {"unknown": "allow", "owners": [f"slack:{one}/{OWNER}", f"slack:{other}/{OWNER}"]}

    async def called(team: str, *call: Any) -> str:
        before = len(bot.said("c"))
        text = f"@@call {call[0]} {json.dumps(call[1])}\n@@results"
        await bot.say("c", text, address=Address("slack", team, "c"), mentioned=True)
        await bot.until(lambda: len(bot.said("c")) > before)
        return bot.said("c")[-1]

    def links(team: str) -> list[str]:
        told = [sent for sent in bot.sent if sent.private_to == OWNER and sent.address.workspace_id == team]
        return LINK.findall("\n".join(str(sent.payload["text"]) for sent in told))

    async with LoopbackMCP(guarded=True) as server:
        agents = {"default": {"options": {"mcp": {"sums": {"url": server.url}}}}}
        async with serving(config(tmp_path, agents=agents, access=access), bot, environment={}) as (host, _):
            assert "an owner has been sent a link" in await called(one, *STATUS)
            await bot.until(lambda: bool(links(one)))
            await land(await agree(links(one)[0]))
            await bot.until(lambda: any("Signed in" in str(sent.payload) for sent in bot.sent))
            assert await called(one, *ADD) == "5"
            assert links(other) == []
            assert "an owner has been sent a link" in await called(other, *STATUS)
            await bot.until(lambda: bool(links(other)))
            assert len(links(one)) == 1
            kept = await host.house.records.db.read(lambda c: logins.workspaces(c, "default", "sums"))
            assert kept == [one]


async def test_a_token_that_is_over_is_renewed_unseen(tmp_path: Path) -> None:
    """by the clock, or because the server takes it no longer"""
    async with guarded(tmp_path) as case:
        await case.signed_in()
        assert await case.caller.call(ADD) == "5"
        authority = case.server.authority
        first = set(authority.access)
        case.clock.ahead = 3_590_000  # within half a minute of its end
        assert await case.caller.call(ADD) == "5"
        second = set(authority.access) - first
        authority.expire()
        assert await case.caller.call(ADD) == "5"
        assert len(first) == len(second) == len(authority.access) == 1
        assert len(case.told()) == 2  # the link and its end


async def test_a_sign_in_that_was_revoked_is_said_in_words_and_asked_for_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("host.gateway.signins.AGAIN_AFTER", 0.0)
    async with guarded(tmp_path) as case:
        await case.signed_in()
        assert await case.caller.call(ADD) == "5"
        case.server.authority.revoke()
        said = await case.caller.call(ADD)
        assert said.startswith(
            "server sums does not answer: it asks for a sign-in; an owner has been sent a link"
        )
        await land(await agree(await case.link(2)))
        await case.bot.until(lambda: "\n".join(case.told()).count("Signed in") == 2)
        assert await case.caller.call(ADD) == "5"


async def test_the_address_can_be_pasted_by_an_owner_alone_and_goes_no_further(tmp_path: Path) -> None:
    async with guarded(tmp_path) as case:
        await case.caller.call(STATUS)
        address = await agree(await case.link())
        code = address.partition("code=")[2].partition("&")[0]
        declined = await case.bot.say("c", f"here: <{address}|link>", author=Author("USTRANGER", "S"))
        assert declined.verdict == "declined"
        await case.bot.until(lambda: case.bot.said("c")[-1] == "Only an owner can sign in.")
        await case.bot.say("c", f"here: {address.replace('&', '&amp;')} thanks", author=Author(OWNER, "Boss"))
        await case.until_told("Signed in")
        assert case.bot.said("c")[-1] == "Thank you. I will tell you when it is done."
        assert await case.caller.call(ADD) == "5"
        assert holding(tmp_path, code) == []
        await case.bot.say("c", address, author=Author(OWNER, "Boss"))
        await case.bot.until(lambda: case.bot.said("c")[-1].startswith("This sign-in is over."))


async def test_the_address_may_be_pasted_at_another_node_and_lies_nowhere_as_it_was_pasted(
    postgres: Server, tmp_path: Path
) -> None:
    share_ = tmp_path / "shared"
    share_.mkdir()
    (share_ / share.MARK).touch()
    url = postgres.database()
    both = {"cluster": {"database": url, "workspaces": str(share_)}}
    key = {SEAL_KEY: "of all the nodes there are"}
    rows = "SELECT coalesce(string_agg(body, ' '), '') FROM asked_of"
    postgres.says(url, KEPT)
    async with guarded(tmp_path / "ada", key, **both) as case:
        await case.caller.call(STATUS)
        address = await agree(await case.link())
        code = address.partition("code=")[2].partition("&")[0]
        owners = {"owners": [f"memory:{OWNER}"]}
        async with serving(config(tmp_path / "bob", access=owners, **both), environment=key) as (_, bob):
            postgres.says(url, KEEP)

            def said() -> list[str]:
                """By whichever of both has the channel by then."""
                return [text[:20] for text in (*case.bot.said("d"), *bob.said("d"))]

            async with asyncio.timeout(TIMEOUT):
                for pasted in (re.sub(r"state=[^&]+", "state=guessed", address), address):
                    before = len(said())
                    await bob.say("d", pasted, author=Author(OWNER, "Boss"))
                    while len(said()) == before:  # noqa: ASYNC110 - of which neither tells alone
                        await asyncio.sleep(0.05)
            assert said() == ["This sign-in is over", "Thank you. I will te"]
            await case.until_told("Signed in")
        assert await case.caller.call(ADD) == "5"
        asked = postgres.says(url, rows)
    assert asked
    assert code not in asked
    assert "guessed" not in asked
    assert holding(tmp_path, code) == []


async def test_who_does_not_agree_is_not_asked_again_at_once(tmp_path: Path) -> None:
    async with guarded(tmp_path) as case:
        case.server.authority.denies = True
        await case.caller.call(STATUS)
        await land(await agree(await case.link()))
        assert "failed: it was not agreed to (access_denied)" in await case.until_told("failed")
        said = await case.caller.call(ADD, STATUS)
        assert (
            "which failed: it was not agreed to (access_denied); the operator can run `dovecote mcp login sums"
            in said
        )
        assert len(LINK.findall("\n".join(case.told()))) == 1


async def test_a_stranger_on_the_landing_page_changes_nothing(tmp_path: Path) -> None:
    async with guarded(tmp_path) as case:
        await case.caller.call(STATUS)
        address = await agree(await case.link())
        assert "not known here" in await land(re.sub(r"state=[^&]+", "state=guessed", address))
        assert "You can close" in await land(address)
        await case.until_told("Signed in")


async def test_where_there_is_no_owner_the_operator_is_named(tmp_path: Path) -> None:
    async with guarded(tmp_path, access={}) as case:
        said = await case.caller.call(STATUS)
        assert (
            "there is no owner to ask: the operator can run `dovecote mcp login sums --agent default`" in said
        )
        assert case.told() == []


async def test_a_sign_in_outlives_the_host_and_not_its_key(tmp_path: Path) -> None:
    """and counts for no other address"""
    bot, owners = MemoryBot(), {"owners": [f"memory:{OWNER}"]}
    async with LoopbackMCP(guarded=True) as server, LoopbackMCP(guarded=True) as other:
        for number, (url, key, said) in enumerate(
            [
                (server.url, "k" * 32, "5"),
                (server.url, "k" * 32, "5"),
                (other.url, "k" * 32, "it asks for a sign-in"),
                (server.url, "other" * 8, "it asks for a sign-in"),
            ]
        ):
            options = {"mcp": {"sums": {"url": url}}}
            settings = config(tmp_path, agents={"default": {"options": options}}, access=owners)
            async with serving(settings, bot, environment={SEAL_KEY: key}):
                case = Case(Caller(bot, tmp_path), bot, server, Clock(), tmp_path)
                if number == 0:
                    await case.signed_in()
                assert said in await case.caller.call(ADD, STATUS)
    assert other.seen
    assert not any("authorization" in seen for seen in other.seen)
    assert not (tmp_path / seal.FILE).exists()

"""What owners are asked to decide: strangers' access and money beyond a budget, on a real host."""

from __future__ import annotations

import asyncio
import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from host.cli import listing, owners, usage
from host.cli.ending import NothingFoundError
from host.gateway.budget import OverBudget
from host.ports.bot import Delivery, Rejected
from host.ports.controls import ChannelRules, Forbidden
from host.ports.events import Author, EventClass, Verdict, Viewer
from sessiondb import Address
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config, serving
from tests.support.viewing import OWNER, answered, recorded, spend, viewer

ASK = {"unknown": "ask", "owners": ["memory:U9", "memory:U8"]}
STRANGER = Author("U5", "Sam *the* <@U1>")


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    out = io.StringIO()
    monkeypatch.setattr(listing, "_out", Console(file=out, width=200))
    return out


def direct(bot: MemoryBot, user: str) -> list[Delivery]:
    return [d for d in bot.sent if d.private_to == user and not d.address.platform_id]


async def test_a_stranger_is_let_in_by_an_owner_and_told_to_write_again(tmp_path: Path) -> None:
    settings = config(tmp_path, access=ASK)
    async with serving(settings) as (host, bot):
        here = {"author": STRANGER, "privacy": "public", "mentioned": True}
        first = await bot.say("general", "hello", **here)
        again = await bot.say("general", "hello?", **here)
        assert {first.verdict, again.verdict} == {Verdict.DECLINED}
        await bot.until(lambda: bool(direct(bot, "U9") and direct(bot, "U8") and bot.said("general")))
        [told] = [d for d in bot.sent if d.address.platform_id == "general"]
        assert (told.private_to, "asked an owner" in told.payload["text"]) == ("U5", True)
        [asked] = direct(bot, "U9")
        assert asked.address == Address("memory", "w", "")
        assert asked.payload["text"].startswith("Sam the U1 (`memory:U5`) wrote to me in channel general")
        assert asked.decision is not None
        assert [value for value, _ in asked.decision.choices] == ["allow", "deny"]
        request = asked.decision.request
        assert len(request) <= 60

        with pytest.raises(Forbidden, match="Only an owner"):
            await host.controls.decide(viewer(STRANGER, "general"), request, "allow")
        with pytest.raises(Forbidden, match="no such request"):
            await host.controls.decide(viewer(OWNER, ""), "r0", "allow")
        with pytest.raises(Forbidden, match="no choice"):
            await host.controls.decide(viewer(OWNER, ""), request, "perhaps")
    async with serving(settings, bot) as (host, bot):
        assert await host.controls.decide(viewer(OWNER, ""), request, "allow") == (
            "Sam the U1 may talk to agents from now on. Decided by Olga."
        )
        other = Viewer(Author("U8", "Otto"), Address("memory", "w", ""), "dm")
        assert "Olga said yes" in await host.controls.decide(other, request, "deny")
        await bot.until(lambda: len(direct(bot, "U5")) == 1)
        assert "write again" in direct(bot, "U5")[0].payload["text"]
        await answered(bot, "general", "hello at last", **here)
        await answered(bot, "dm-sam", "and here", author=STRANGER, privacy="dm")
    assert recorded(tmp_path) == [("memory:U9", "", "access", "memory:U5 allowed")]


async def test_a_stranger_who_is_refused_is_told_once_and_asks_nobody_again(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access=ASK)) as (host, bot):
        await bot.say("dm-sam", "hello", author=STRANGER, privacy="dm")
        await bot.until(lambda: bool(direct(bot, "U9")))
        decision = direct(bot, "U9")[0].decision
        assert decision is not None
        await host.controls.decide(viewer(OWNER, ""), decision.request, "deny")
        await bot.until(lambda: bool(direct(bot, "U5")))
        refused = await bot.say("dm-sam", "please", author=STRANGER, privacy="dm")
        assert refused.verdict is Verdict.DECLINED
        await bot.until(lambda: len(bot.said("dm-sam")) == 2)
        assert len(direct(bot, "U9")) == 1


async def test_owners_who_cannot_be_reached_alone_are_asked_once_in_the_place(tmp_path: Path) -> None:
    bot = MemoryBot()
    bot.failures[""].extend([Rejected("direct messages are closed")] * 2)
    settings = config(tmp_path, access=ASK, host={"sweep_every": 0.1})
    async with serving(settings, bot) as (_, bot):
        await bot.say("general", "hello", author=STRANGER, privacy="public", mentioned=True)
        await bot.until(lambda: any(d.decision for d in bot.sent))
        [asked] = [d for d in bot.sent if d.decision]
        assert (asked.address.platform_id, asked.private_to) == ("general", "")
        await bot.say("random", "hello", author=STRANGER, privacy="public", mentioned=True)
        await bot.until(lambda: bool(bot.said("random")))
        assert len([d for d in bot.sent if d.decision]) == 1


async def test_a_strangers_reaction_asks_nobody(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access={**ASK, "users": ["memory:U1"]})) as (host, bot):
        there = {"privacy": "public", "mentioned": True}
        await answered(bot, "general", "hello", author=Author("U1", "Ada"), platform_message_id="n1", **there)
        reacted = bot.event(
            "general",
            "",
            event_class=EventClass.REACTION,
            value="eyes",
            natural_id="n1:U5:eyes",
            platform_message_id="n1",
            author=STRANGER,
            privacy="public",
        )
        assert (await host.ingest(reacted)).verdict is Verdict.DECLINED
        await bot.say("dm-sam", "hello", author=STRANGER, privacy="dm")
        await bot.until(lambda: bool(direct(bot, "U9") and bot.said("dm-sam")))
    assert "in a direct message" in direct(bot, "U9")[0].payload["text"]


async def test_without_an_owner_to_ask_a_stranger_is_just_refused(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access={"unknown": "ask"})) as (_, bot):
        said = await bot.say("general", "hello", privacy="public", mentioned=True)
        assert said.reason == "You have not been given access to this agent."


async def test_an_owner_allows_more_money_and_it_lasts_for_that_day(tmp_path: Path) -> None:
    settings = config(tmp_path, access={"owners": ["memory:U9"]}, model={"budget_usd_per_day": 4.0})
    place = Address("memory", "w", "general")
    async with serving(settings) as (host, bot):
        for channel in ("general", "random"):
            await answered(bot, channel, "hello", privacy="public", mentioned=True)
        await spend(host, place, 3_900_000)
        for conversation in (place, place, Address("memory", "w", "random")):
            with pytest.raises(OverBudget, match=r"all agents for today .* owner has been asked"):
                await spend(host, conversation, 200_000)
        await bot.until(lambda: bool(direct(bot, "U9")))
        decision = direct(bot, "U9")[0].decision
        assert decision is not None
        assert decision.choices[0] == ("allow", "Allow $1.00 more")
        assert await host.controls.decide(viewer(OWNER, ""), decision.request, "allow") == (
            "The budget of all agents for today is $1.00 higher. Decided by Olga."
        )
        told = "An owner allowed $1.00 more: please ask again."
        await bot.until(lambda: bot.said("general")[1:] == bot.said("random")[1:] == [told])
    async with serving(settings, bot) as (host, bot):
        await spend(host, place, 1_000_000)
        with pytest.raises(OverBudget, match=r"\$5.00"):
            await spend(host, place, 200_000)
        await bot.until(lambda: len(direct(bot, "U9")) == 2)
        again = direct(bot, "U9")[1].decision
        assert again is not None
        await host.controls.decide(viewer(OWNER, ""), again.request, "deny")
        with pytest.raises(OverBudget, match=r"another request$"):
            await spend(host, place, 200_000)
        await bot.say("general", "still there?", privacy="public", mentioned=True)
        await bot.until(lambda: "still there?" in bot.said("general"))
        assert len(direct(bot, "U9")) == 2
    assert [action for _, _, action, _ in recorded(tmp_path)] == ["budget", "budget"]


async def test_money_for_a_channel_is_asked_for_the_channel(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access={"owners": ["memory:U9"]})) as (host, bot):
        await answered(bot, "general", "hello", privacy="public", mentioned=True)
        await host.controls.set_rules(viewer(OWNER, "general"), ChannelRules(budget_usd_per_day=1.0))
        with pytest.raises(OverBudget):
            await spend(host, Address("memory", "w", "general"), 1_500_000)
        await bot.until(lambda: bool(direct(bot, "U9")))
        decision = direct(bot, "U9")[0].decision
        assert decision is not None
        await asyncio.gather(
            *(host.controls.decide(viewer(OWNER, ""), decision.request, "allow") for _ in range(3))
        )
        await spend(host, Address("memory", "w", "general"), 1_500_000)
        with pytest.raises(OverBudget, match=r"\$2.00"):
            await spend(host, Address("memory", "w", "general"), 600_000)


async def test_what_was_decided_is_listed_and_changed_from_the_command_line(
    tmp_path: Path, screen: io.StringIO
) -> None:
    async with serving(config(tmp_path, access=ASK)) as (host, bot):
        here = {"author": STRANGER, "privacy": "dm"}
        await bot.say("dm-sam", "hello", **here)
        await asyncio.to_thread(owners.show_access, tmp_path, as_json=False)
        assert "memory:U5" in screen.getvalue()
        await asyncio.to_thread(owners.set_access, tmp_path, "memory:U5", "denied")
        refused = await bot.say("dm-sam", "hello?", **here)
        assert refused.reason == "You have not been given access to this agent."
        await asyncio.to_thread(owners.set_access, tmp_path, "memory:U5", "")
        asked = await bot.say("dm-sam", "anybody?", **here)
        assert "asked an owner" in asked.reason
        await asyncio.to_thread(owners.set_access, tmp_path, "memory:U5", "allowed")
        await answered(bot, "dm-sam", "hello at last", **here)
        await spend(host, Address("memory", "w", "dm-sam"), 1_250_000)
    owners.show_audit(config(tmp_path), as_json=False)
    usage.show_sums(config(tmp_path), as_json=False)
    shown = screen.getvalue()
    assert [shown.index(f"memory:U5 {what}") for what in ("allowed", "undecided", "denied")]
    assert re.search(r"today +\$1\.25", shown)
    with pytest.raises(NothingFoundError, match="platform:id"):
        owners.set_access(tmp_path, "Sam", "allowed")

"""Orders typed among people: what the host answers itself, what it asks about, and what goes to the agent untouched."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from host.intake import orders
from host.ports.bot import Decision
from host.ports.controls import ChannelRules, Forbidden
from host.ports.events import Author, Verdict
from host.registry.db import open_registry
from host.upkeep import pruning
from sessiondb import Address
from sessiondb.signals import Progress
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config, now_ms, serving
from tests.support.viewing import ADA, BOB, OWNER, OWNERS, answered, spend, viewer

THREAD = Address("memory", "w", "general", "t1")
PUBLIC: dict[str, Any] = {"privacy": "public", "mentioned": True}
DAYS = 86_400_000


def rows(data: Path, sql: str) -> list[tuple[Any, ...]]:
    registry = open_registry(data)
    try:
        return registry.execute(sql).fetchall()
    finally:
        registry.close()


def decision_of(bot: MemoryBot) -> Decision:
    found = bot.sent[-1].decision
    assert found is not None
    return found


async def test_help_is_told_once_by_the_host_and_wakes_no_agent(tmp_path: Path) -> None:
    agents = {"default": {"provider": "mock", "models": ["claude-sonnet-5", "claude-opus-5-5"]}}
    settings = config(tmp_path, commands={"aliases": {"hilfe": "help"}}, agents=agents)
    async with serving(settings) as (host, bot):
        asked = bot.event("dm-ada", "!Hilfe")
        first = await host.ingest(asked)
        again = await host.ingest(asked)
        assert (first.verdict, again.verdict) == (Verdict.DECLINED, Verdict.DUPLICATE)
        await bot.until(lambda: bool(bot.sent))
        await answered(bot, "dm-ada", "and now the agent")
    assert bot.said("dm-ada")[1:] == ["and now the agent"]
    assert "`!stop`" in bot.said("dm-ada")[0]
    assert "`!hilfe`" in bot.said("dm-ada")[0]
    assert "`!opus …` (claude-opus-5-5): one question, answered by that model" in bot.said("dm-ada")[0]
    assert bot.sent[0].answers == asked.platform_message_id
    assert rows(tmp_path, "SELECT count(*) FROM sessions") == [(1,)]


async def test_an_order_counts_where_an_agent_takes_part_and_among_people_nobody_hears_it(
    tmp_path: Path,
) -> None:
    async with serving(config(tmp_path)) as (_, bot):
        aside = await bot.say("general", "!help", privacy="public")
        slip = await bot.say("general", "!hepl", privacy="public")
        assert [aside.verdict, slip.verdict] == [Verdict.IGNORED, Verdict.IGNORED]
        await answered(bot, "general", "hello", address=THREAD, **PUBLIC)
        await bot.say("general", "!status", address=THREAD, privacy="public")
        await bot.until(lambda: len(bot.sent) == 2)
        assert bot.sent[1].address == THREAD
        assert bot.said("general")[1] == "Nothing is running here."
    assert rows(tmp_path, "SELECT count(*) FROM held") == [(0,)]


async def test_what_begins_with_a_mark_and_is_no_order_goes_to_the_agent_as_it_is(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (_, bot):
        for text in ("!important: look at this", "![picture](a.png)", "!= is no order"):
            await answered(bot, "dm-ada", text)
            assert bot.said("dm-ada")[-1] == text


@pytest.mark.parametrize("text", ["!stpo the presses", "!clear the table, please"])
async def test_a_near_miss_is_asked_about_and_sent_once_as_it_was_written_also_after_a_restart(
    tmp_path: Path, text: str
) -> None:
    bot = MemoryBot()
    async with serving(config(tmp_path), bot) as (host, _):
        held = await bot.say("general", text, address=THREAD, author=ADA, **PUBLIC)
        assert held.verdict is Verdict.DECLINED
        await bot.until(lambda: bool(bot.sent))
        assert rows(tmp_path, "SELECT count(*) FROM sessions") == [(0,)]
    decision = decision_of(bot)
    assert [label for _, label in decision.choices] == ["Send it as written"]
    async with serving(config(tmp_path), bot) as (host, _):
        there = viewer(BOB, "general", thread="t1")
        with pytest.raises(Forbidden, match="whoever wrote it"):
            await host.controls.decide(there, decision.request, "send")
        ada = viewer(ADA, "general", thread="t1")
        assert await host.controls.decide(ada, decision.request, "send") == "Sent as it was written."
        await bot.until(lambda: bot.said("general")[-1] == text)
        with pytest.raises(Forbidden, match="sent already"):
            await host.controls.decide(ada, decision.request, "send")
        await answered(bot, "general", "next", address=THREAD, **PUBLIC)
    assert bot.said("general")[1:] == [text, "next"]
    assert bot.sent[1].address == THREAD


async def test_a_crash_between_sending_what_was_held_back_and_forgetting_it_sends_it_once(
    tmp_path: Path,
) -> None:
    """The message has its own key: pressed again it is a duplicate."""
    async with serving(config(tmp_path)) as (host, bot):
        written = bot.event("dm-ada", "!stpo it")
        await host.ingest(written)
        await bot.until(lambda: bool(bot.sent))
        await host.house.ingress.ingest(written)  # as far as it came before the crash
        await bot.until(lambda: bot.said("dm-ada")[-1] == "!stpo it")
        told = await host.controls.decide(viewer(ADA, "dm-ada", "dm"), decision_of_first(bot).request, "send")
        assert told == "Sent as it was written."
        await answered(bot, "dm-ada", "next")
    assert bot.said("dm-ada")[1:] == ["!stpo it", "next"]


async def test_what_nobody_sent_after_all_is_forgotten(tmp_path: Path) -> None:
    clock = [now_ms()]
    async with serving(config(tmp_path), now=lambda: clock[-1]) as (host, bot):
        await bot.say("dm-ada", "!stpo it")
        await bot.until(lambda: bool(bot.sent))
        clock.append(clock[-1] + 100 * DAYS)
        await host.house.upkeep.pruner.round()
        with pytest.raises(Forbidden, match="too long ago"):
            await host.controls.decide(viewer(ADA, "dm-ada", "dm"), decision_of(bot).request, "send")
    assert rows(tmp_path, "SELECT count(*) FROM held") == [(0,)]


async def test_who_may_not_talk_to_the_agent_is_told_that_and_nothing_else(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access={"unknown": "deny", "users": ["memory:U1"]})) as (_, bot):
        for text in ("!help", "!usage", "!hepl me"):
            said = await bot.say("general", text, author=BOB, **PUBLIC)
            assert (said.verdict, "access" in said.reason) == (Verdict.DECLINED, True)
        await bot.until(lambda: bool(bot.sent))
        await answered(bot, "general", "hello", author=ADA, **PUBLIC)
    assert [sent.private_to for sent in bot.sent] == ["U2", ""]


async def test_other_programs_are_neither_shown_anything_nor_asked_what_they_meant(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (_, bot):
        program = Author("B1", "Builder", is_bot=True)
        for text in ("!help", "!hepl"):
            await answered(bot, "general", text, author=program, **PUBLIC)
    assert bot.said("general") == ["!help", "!hepl"]


async def test_among_people_only_what_is_this_channels_own_is_said(tmp_path: Path) -> None:
    """Everybody there reads it, whatever its author may see elsewhere."""
    async with serving(config(tmp_path)) as (host, bot):
        secret = await answered(bot, "board", "numbers", privacy="private", mentioned=True)
        own = await answered(bot, "dm-ada", "between us")
        here = await answered(bot, "general", "hello", **PUBLIC)
        other = await answered(bot, "random", "hello", **PUBLIC)
        await spend(host, Address("memory", "w", "general"), 70_000)
        await spend(host, Address("memory", "w", "random"), 30_000)
        for id_ in (secret, own, other, here):
            await answered(bot, "general", f"!why {id_}", **PUBLIC)
        told = bot.said("general")[-4:]
        assert told[:3] == [told[0]] * 3
        assert "no such message" in told[0]
        assert here in told[3]
        await answered(bot, "general", "!usage", **PUBLIC)
        assert bot.said("general")[-1] == "**Here, today:** $0.07"
        await answered(bot, "dm-ada", "!usage")
        assert "$0.10" in bot.said("dm-ada")[-1]
        await answered(bot, "dm-ada", f"!why {own}")
        assert own in bot.said("dm-ada")[-1]


async def test_status_tasks_and_config_speak_of_the_place_where_they_are_asked(tmp_path: Path) -> None:
    settings = config(tmp_path, access=OWNERS, masking={"patterns": {"staff": "EMP-[0-9]{6}"}})
    async with serving(settings) as (host, bot):
        await bot.say("general", "@@sleep 600", address=THREAD, **PUBLIC)
        await bot.until(lambda: bool(bot.shown))
        [file] = tmp_path.glob("sessions/*/outbound/progress.json")
        for status, shown in (
            ("waiting", "- **default** is working: waiting, since"),
            (
                "cat /etc/passwd",
                "- **default** is working, since",
            ),  # a hostile container writes what it likes
            ("reading EMP-123456", "- **default** is working: reading ‹masked: staff›, since"),
        ):
            replace(cast(Progress, Progress.read(file)), status=status).write(file)
            await answered(bot, "general", "!status", address=THREAD, privacy="public")
            assert bot.said("general")[-1].startswith(shown)
        await host.controls.set_rules(viewer(OWNER, "general", "public"), ChannelRules(work="none"))
        await answered(bot, "general", "!status", address=THREAD, privacy="public")
        assert bot.said("general")[-1].startswith("- **default** is working, since")
        await answered(bot, "random", "!status", **PUBLIC)
        assert bot.said("random") == ["Nothing is running here."]
        await bot.say("general", "!stop now, please", address=THREAD, privacy="public")
        await bot.until(lambda: bot.said("general")[-1] == "Stopped.")
        schedule = '@@call schedule_task {"title": "Report *now*", "prompt": "go", "cron": "0 9 * * *"}\nset'
        await answered(bot, "general", schedule, address=THREAD, **PUBLIC)
        await answered(bot, "general", "!tasks", address=THREAD, privacy="public")
        listed = bot.said("general")[-1]
        assert re.match(
            r"- \*\*Report now\*\* \(t[0-9a-f]{9}\): at 09:00 every day \(UTC\), within 1 minute, next ",
            listed,
        )
        await answered(bot, "random", "!tasks", **PUBLIC)
        assert "Nothing is scheduled here" in bot.said("random")[-1]
        await answered(bot, "random", "!config", **PUBLIC)
        assert "agent default, agents answer when they are mentioned" in bot.said("random")[-1]


# ── welcome ──────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_channel_is_welcomed_once_whatever_restarts_or_is_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, bot, clock = Address("memory", "w", "general"), MemoryBot(), [now_ms()]
    prompts = [{"title": "Numbers", "message": "What did we sell yesterday?"}]
    settings = config(
        tmp_path, agents={"default": {"provider": "mock", "prompts": prompts, "name": "Old Scribe"}}
    )
    for _ in range(2):
        async with serving(settings, bot, now=lambda: clock[-1]) as (host, _):
            await host.house.reception.joined(place)
            await host.house.reception.joined(place)
            await bot.until(lambda: bool(bot.sent))
            clock.append(clock[-1] + 200 * pruning.DAY)
            await host.house.upkeep.pruner.round()
            assert len(await host.controls.suggestions(place)) == 1
    [welcome] = bot.said("general")
    assert welcome.startswith("Hello! I am Old Scribe, an AI agent. Mention me")
    assert "What did we sell yesterday?" in welcome
    assert "`!help`" in welcome


async def test_where_no_agent_answers_nobody_is_welcomed(tmp_path: Path) -> None:
    routes = [{"channel": "quiet", "engage": "off"}, {"channel": "loud", "engage": "always"}]
    access = {"channels": ["memory:loud"]}
    async with serving(config(tmp_path, routes=routes, access=access)) as (host, bot):
        for channel in ("quiet", "elsewhere", "loud"):
            await host.house.reception.joined(Address("memory", "w", channel))
        await bot.until(lambda: bool(bot.sent))
        assert await host.controls.suggestions(Address("memory", "w", "quiet")) == ()
        assert len(await host.controls.suggestions(Address("memory", "w", "loud"))) == 4
    assert [sent.address.platform_id for sent in bot.sent] == ["loud"]
    assert bot.said("loud")[0].startswith("Hello! I am an AI agent. I answer every message here.")


def decision_of_first(bot: MemoryBot) -> Decision:
    found = bot.sent[0].decision
    assert found is not None
    return found


async def test_a_summary_is_asked_of_the_agent_in_a_turn_of_its_own_and_among_people_of_nobody(
    tmp_path: Path,
) -> None:
    async with serving(config(tmp_path)) as (host, bot):
        await answered(bot, "dm-ada", "!summary")
        await answered(bot, "dm-ada", "!Summary for Bob, as a list")
        assert bot.said("dm-ada") == [orders.SUMMARISE, f"{orders.SUMMARISE} for Bob, as a list"]
        among_people = bot.event("general", "!summary", privacy="public")
        assert (await host.ingest(among_people)).verdict is Verdict.IGNORED
        slip = bot.event("dm-ada", "!sumary")
        await host.ingest(slip)
        await bot.until(lambda: "Did you mean `!summary`?" in bot.said("dm-ada")[-1])

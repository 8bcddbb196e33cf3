"""What people see and order without an agent, on a real host: the right things for the right people."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import pytest

from host.gateway.budget import OverBudget
from host.governance import access, rules
from host.ports.bot import Rejected
from host.ports.controls import ChannelRules, Forbidden, Outdated, TaskOrder
from host.ports.events import Author, Verdict
from sessiondb import Address
from tests.fakes.platform import TIMEOUT
from tests.support.hosting import config, serving
from tests.support.slow_engine import SlowToStop
from tests.support.viewing import ADA, BOB, OWNER, OWNERS, answered, recorded, spend, viewer


async def test_a_dm_under_way_is_seen_by_its_person_and_by_owners_and_by_nobody_else(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access=OWNERS)) as (host, bot):
        said = await bot.say("dm-ada", "secret\n@@sleep 60", author=ADA, privacy="dm")
        await bot.until(lambda: bool(bot.shown))
        controls = host.controls

        for sees in (viewer(ADA, "dm-ada", "dm"), viewer(ADA, "general"), viewer(OWNER, "general")):
            [running] = (await controls.overview(sees)).running
            assert running.address == Address("memory", "w", "dm-ada")
            assert said.message_id in (await controls.why(sees, said.message_id)).text
        for blind in (viewer(BOB, "general"), viewer(BOB, "dm-bob", "dm"), viewer(BOB, "secret", "private")):
            assert (await controls.overview(blind)).running == ()
            with pytest.raises(Forbidden) as unseen:
                await controls.why(blind, said.message_id)
            with pytest.raises(Forbidden) as absent:
                await controls.why(blind, "m0000000000000000")
            assert str(unseen.value) == str(absent.value)
            with pytest.raises(Forbidden, match="no such conversation"):
                await controls.stop(blind, running.session_id)

        assert await controls.stop(viewer(OWNER, "general"), running.session_id) == "Stopping."
        await bot.until(lambda: bot.said("dm-ada") == ["Stopped."])
        assert (
            await controls.stop(viewer(OWNER, "general"), running.session_id) == "Nothing is running there."
        )


async def test_a_private_channel_is_seen_from_inside_only(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access=OWNERS)) as (host, bot):
        there = {"privacy": "private", "mentioned": True, "author": ADA}
        id_ = await answered(bot, "board", "numbers", **there)
        assert id_ in (await host.controls.why(viewer(BOB, "board", "private"), "")).text
        for outside in (viewer(BOB, "general"), viewer(ADA, "general"), viewer(ADA, "other", "private")):
            with pytest.raises(Forbidden):
                await host.controls.why(outside, id_)


async def test_a_channel_that_becomes_private_takes_its_conversation_along(tmp_path: Path) -> None:
    """What is said from then on reaches neither the folder of the public channels nor anybody outside."""
    note = '@@call mock_append {"file": "notes", "line": "%s", "shared": true}'
    there = {"mentioned": True, "author": ADA}
    async with serving(config(tmp_path)) as (host, bot):
        await answered(bot, "general", note % "open", privacy="public", **there)
        id_ = await answered(bot, "general", note % "secret", privacy="private", **there)
        with pytest.raises(Forbidden):
            await host.controls.why(viewer(BOB, "random"), id_)
        assert id_ in (await host.controls.why(viewer(BOB, "general", "private"), id_)).text
        await answered(bot, "general", note % "open again", privacy="public", **there)
    kept = {
        path.parent.name.split("-")[2]: path.read_text() for path in tmp_path.glob("workspaces/*/*/notes")
    }
    assert kept == {"public": "open\nopen again\n", "private": "secret\n"}


async def test_a_channel_that_became_private_takes_all_its_threads_with_it_at_once(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (host, bot):
        there = {"mentioned": True, "privacy": "public"}
        ids = [
            await answered(
                bot, "general", "hello", address=Address("memory", "w", "general", thread), **there
            )
            for thread in ("t1", "t2")
        ]
        other = await answered(bot, "elsewhere", "hello", **there)
        await host.house.reception.channel_became(Address("memory", "w", "general"), "private")
        for id_ in ids:
            with pytest.raises(Forbidden):
                await host.controls.why(viewer(BOB, "random"), id_)
            assert id_ in (await host.controls.why(viewer(BOB, "general", "private"), id_)).text
        assert other in (await host.controls.why(viewer(BOB, "random"), other)).text
        await host.house.reception.channel_became(Address("memory", "w", "general"), "public")
        assert ids[0] in (await host.controls.why(viewer(BOB, "random"), ids[0])).text


async def test_one_message_tells_of_all_threads_of_its_channel_whom_they_are_for_now(tmp_path: Path) -> None:
    """Also where no event told of it: a thread in which nobody writes any more moves with the others, and what it cost."""
    async with serving(config(tmp_path)) as (host, bot):
        quiet, lively = (Address("memory", "w", "general", thread) for thread in ("t1", "t2"))
        there = {"mentioned": True, "privacy": "public"}
        old = await answered(bot, "general", "hello", address=quiet, **there)
        await spend(host, quiet, 70_000)
        assert (await host.controls.usage(viewer(BOB, "random"))).today == 70_000
        await answered(bot, "general", "secret", address=lively, mentioned=True, privacy="private")
        with pytest.raises(Forbidden):
            await host.controls.why(viewer(BOB, "random"), old)
        assert old in (await host.controls.why(viewer(BOB, "general", "private"), old)).text
        assert (await host.controls.usage(viewer(BOB, "random"))).today == 0


async def test_a_guest_of_some_channels_sees_nothing_that_the_public_ones_share(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access={"guests": "allow"})) as (host, bot):
        there = {"privacy": "public", "mentioned": True}
        id_ = await answered(bot, "general", "hello", **there)
        await spend(host, Address("memory", "w", "general"), 70_000)
        guest = viewer(Author("U7", "Gail", guest=True), "general")
        with pytest.raises(Forbidden):
            await host.controls.why(guest, id_)
        overview = await host.controls.overview(guest)
        assert (overview.running, overview.tasks.tasks, overview.failures) == ((), (), ())
        assert (await host.controls.usage(guest)).today == 0


async def test_a_guest_is_told_once_and_privately_why_nobody_answers(tmp_path: Path) -> None:
    async with serving(config(tmp_path)) as (_, bot):
        gail = Author("U7", "Gail", guest=True)
        for _ in range(2):
            await bot.say("general", "hello", author=gail, mentioned=True, privacy="public")
        await bot.until(lambda: bool(bot.sent))
        await answered(bot, "general", "hello", mentioned=True, privacy="public")
        assert [sent.private_to for sent in bot.sent] == ["U7", ""]
        await answered(bot, "club", "hello", author=gail, mentioned=True, privacy="private")


async def test_a_guest_from_elsewhere_sees_nothing_of_the_workspace(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access={"external": "allow"})) as (host, bot):
        id_ = await answered(bot, "general", "hello", privacy="public", mentioned=True)
        guest = viewer(Author("U7", "Guest", external=True), "shared")
        with pytest.raises(Forbidden):
            await host.controls.why(guest, id_)
        assert id_ in (await host.controls.why(viewer(BOB, "random"), id_)).text


async def test_a_stranger_without_access_is_shown_nothing_at_all(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access={"unknown": "deny", "users": ["memory:U1"]})) as (host, bot):
        id_ = await answered(bot, "general", "hello", privacy="public", mentioned=True)
        stranger, controls = viewer(BOB, "general"), host.controls
        for asked in (
            controls.overview(stranger),
            controls.usage(stranger),
            controls.tasks(stranger),
            controls.rules(stranger),
            controls.why(stranger, id_),
            controls.stop(stranger, "s1"),
            controls.order(stranger, "t1", TaskOrder.RUN),
        ):
            with pytest.raises(Forbidden, match="not been given access"):
                await asked


async def test_what_was_declined_is_between_its_author_and_the_owners(tmp_path: Path) -> None:
    settings = config(tmp_path, access={"unknown": "deny", "users": ["memory:U2"], **OWNERS})
    async with serving(settings) as (host, bot):
        said = await bot.say("general", "let me in", privacy="public", mentioned=True, author=ADA)
        assert said.verdict is Verdict.DECLINED
        assert "declined" in (await host.controls.why(viewer(OWNER, "general"), "")).text
        with pytest.raises(Forbidden):
            await host.controls.why(viewer(BOB, "general"), said.message_id)


async def test_a_failure_is_listed_without_what_was_said(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access=OWNERS)) as (host, bot):
        bot.failures["dm-ada"].append(Rejected("not in this room"))
        await answered(bot, "dm-ada", "password swordfish", author=ADA, privacy="dm")
        for sees in (viewer(ADA, "general"), viewer(OWNER, "general")):
            [failure] = (await host.controls.overview(sees)).failures
            assert failure.address == Address("memory", "w", "dm-ada")
            assert "could not be delivered" in failure.reason
            assert "swordfish" not in failure.reason
        assert (await host.controls.overview(viewer(BOB, "general"))).failures == ()


async def test_spending_is_told_for_what_one_may_see(tmp_path: Path) -> None:
    limits = {"budget_usd_per_day": 5.0}
    async with serving(config(tmp_path, access=OWNERS, model=limits)) as (host, bot):
        await answered(bot, "dm-ada", "hello", author=ADA, privacy="dm")
        await answered(bot, "general", "hello", author=BOB, privacy="public", mentioned=True)
        await spend(host, Address("memory", "w", "dm-ada"), 2_000_000)
        await spend(host, Address("memory", "w", "general"), 500_000)

        ahead = "INSERT INTO spent VALUES ('default', 20990101, 7000000)"
        await host.house.records.db.write(
            lambda c: c.execute(ahead).fetchall()
        )  # by a clock that was ahead once

        owner = await host.controls.usage(viewer(OWNER, "general"))
        assert owner.this_month == 2_500_000
        assert (owner.today, owner.limit_today, owner.here_today) == (2_500_000, 5_000_000, 500_000)
        assert owner.by_agent == (("default", 2_500_000),)
        assert "**Today:** $2.50 of $5.00" in owner.text
        bob = await host.controls.usage(viewer(BOB, "general"))
        assert (bob.today, bob.limit_today) == (500_000, -1)
        assert "2.5" not in bob.text
        assert (await host.controls.usage(viewer(ADA, "dm-ada", "dm"))).here_today == 2_000_000


# ── rules of channels ────────────────────────────────────────────────────────────────────────────────────


async def test_an_owner_rules_a_channel_and_it_is_recorded_and_holds_after_a_restart(tmp_path: Path) -> None:
    settings = config(tmp_path, access=OWNERS, agents={"default": {}, "poet": {}})
    owner = viewer(OWNER, "general")
    async with serving(settings) as (host, bot):
        chatter = {"privacy": "public", "author": ADA}
        assert (await bot.say("general", "chatter", **chatter)).verdict is Verdict.IGNORED
        told = await host.controls.set_rules(owner, ChannelRules("poet", "always", 2.0))
        assert told == "In this channel: agent poet, agents answer everything, at most $2.00 a day."
        await answered(bot, "general", "now?", **chatter)
        assert await host.controls.rules(viewer(BOB, "general")) == ChannelRules("poet", "always", 2.0)
        assert (await bot.say("random", "chatter", **chatter)).verdict is Verdict.IGNORED
    async with serving(settings, bot) as (host, bot):
        await answered(bot, "general", "and now?", **chatter)
        await host.controls.set_rules(owner, ChannelRules(engage="off"))
        refused = await bot.say("general", "hello?", mentioned=True, **chatter)
        assert (refused.verdict, refused.reason) == (
            Verdict.IGNORED,
            "agents are switched off in this channel",
        )
        await host.controls.set_rules(owner, ChannelRules())
        assert (await bot.say("general", "chatter", **chatter)).verdict is Verdict.IGNORED
        await answered(bot, "general", "by name", mentioned=True, **chatter)
    assert recorded(tmp_path) == [
        ("memory:U9", "general", "channel_rules", "agent=poet engage=always budget=2"),
        ("memory:U9", "general", "channel_rules", "agent=- engage=off budget=-"),
        ("memory:U9", "general", "channel_rules", "agent=- engage=- budget=-"),
    ]


async def test_who_changes_a_channel_waits_for_no_engine_and_what_changed_holds_at_once(
    tmp_path: Path,
) -> None:
    """Slack's form has three seconds for its answer, and an engine takes two for a runner that rests."""
    engine = SlowToStop()
    settings = config(tmp_path, access=OWNERS, runner={"idle_exit": 600}, agents={"default": {}, "poet": {}})
    async with serving(settings, launcher=engine) as (host, bot):
        await answered(bot, "general", "hello", privacy="public", mentioned=True)
        async with asyncio.timeout(TIMEOUT):
            await host.controls.set_rules(viewer(OWNER, "general"), ChannelRules(effort="low"))
            await engine.hangs.wait()
            await bot.say("general", "and now?", privacy="public", mentioned=True)
            engine.comes_back.set()
            await bot.until(lambda: "and now?" in bot.said("general"))


async def test_a_channels_budget_stops_the_calls_of_that_channel_only(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access=OWNERS)) as (host, bot):
        for channel in ("general", "random"):
            await answered(bot, channel, "hello", privacy="public", mentioned=True)
        await host.controls.set_rules(viewer(OWNER, "general"), ChannelRules(budget_usd_per_day=1.0))
        await spend(host, Address("memory", "w", "general"), 900_000)
        with pytest.raises(OverBudget, match=r"this channel for today \(\$1.00\)"):
            await spend(host, Address("memory", "w", "general"), 200_000)
        await spend(host, Address("memory", "w", "random"), 200_000)


@pytest.mark.parametrize(
    ("rules", "refusal"),
    [
        (ChannelRules(agent="nobody"), "There is no agent 'nobody'"),
        (ChannelRules(budget_usd_per_day=float("nan")), "budget"),
        (ChannelRules(budget_usd_per_day=-2.0), "budget"),
        (ChannelRules(budget_usd_per_day=float("inf")), "budget"),
        (ChannelRules(engage="always"), "No route of the configuration covers"),
    ],
)
async def test_rules_that_make_no_sense_are_refused_in_words(
    tmp_path: Path, rules: ChannelRules, refusal: str
) -> None:
    settings = config(tmp_path, access=OWNERS, routes=[{"channel": "random"}])
    async with serving(settings) as (host, _):
        with pytest.raises(Forbidden, match=refusal):
            await host.controls.set_rules(viewer(OWNER, "general"), rules)
    assert recorded(tmp_path) == []


async def test_nobody_but_an_owner_sets_rules(tmp_path: Path) -> None:
    settings = config(tmp_path, access={**OWNERS, "users": ["memory:U1"]})
    async with serving(settings) as (host, _):
        for author in (ADA, BOB, Author("")):
            with pytest.raises(Forbidden, match="Only an owner"):
                await host.controls.set_rules(viewer(author, "general"), ChannelRules(engage="off"))
            assert not host.controls.is_owner(viewer(author, "general"))
        assert await host.controls.rules(viewer(ADA, "general")) == ChannelRules()
    assert recorded(tmp_path) == []


async def test_a_channel_whose_agent_is_gone_says_so_instead_of_nothing(tmp_path: Path) -> None:
    async with serving(config(tmp_path, access=OWNERS, agents={"default": {}, "poet": {}})) as (host, _):
        await host.controls.set_rules(viewer(OWNER, "general"), ChannelRules(agent="poet"))
    async with serving(config(tmp_path, access=OWNERS)) as (_, bot):
        said = await bot.say("general", "hello", privacy="public", mentioned=True)
        assert (said.verdict, said.reason) == (
            Verdict.DECLINED,
            "The agent of this conversation is not set up any more.",
        )
        await bot.until(lambda: bot.said("general") == [said.reason])


async def test_each_change_of_a_channel_is_a_version_that_can_hold_again(tmp_path: Path) -> None:
    """By the one store for page, chat and command line; what the file does not let the agent have is refused everywhere."""
    settings = config(
        tmp_path, access=OWNERS, agents={"default": {"models": ["claude-opus-4-8", "claude-haiku-4-5"]}}
    )
    owner, other = viewer(OWNER, "general"), viewer(Author("U8", "Olga"), "general")
    settings = settings.model_copy(
        update={"access": settings.access.model_copy(update={"owners": ("memory:U9", "memory:U8")})}
    )
    there = {"privacy": "public", "author": ADA, "mentioned": True}
    first = ChannelRules(model="claude-haiku-4-5", instructions="Speak of doves.", version=0)
    async with serving(settings) as (host, bot):
        controls = host.controls
        await answered(bot, "general", "@@model", **there)
        assert "by claude-haiku-4-5, with instructions" in await controls.set_rules(owner, first)
        await controls.set_rules(owner, first)  # sent twice
        assert (await controls.rules(owner)).version == 1
        await answered(bot, "general", "@@model\n@@told", **there)
        with pytest.raises(Outdated, match="has changed this channel in the meantime") as late:
            await controls.set_rules(other, ChannelRules(engage="always", version=0))
        assert late.value.now == first
        await controls.set_rules(other, ChannelRules(engage="always", version=1))
        with pytest.raises(Forbidden, match="no model 'claude-opus-5-5'"):
            await controls.set_rules(owner, ChannelRules(model="claude-opus-5-5"))
        with pytest.raises(Forbidden, match="at most 3,000 characters"):
            await controls.set_rules(owner, ChannelRules(instructions="x" * 3_001))
        for number in (9, 10**15):
            with pytest.raises(Forbidden, match="no such version"):
                await controls.revert(owner, owner.address, number)
        with pytest.raises(Forbidden, match="Only an owner"):
            await controls.revert(viewer(ADA, "general"), owner.address, 1)
        assert "by claude-haiku-4-5" in await controls.revert(owner, owner.address, 1)
        assert await controls.rules(owner) == first
        await answered(bot, "general", "@@model", **there)
        assert "agents answer when they are mentioned." in await controls.revert(owner, owner.address, 0)
        await answered(bot, "general", "@@model", **there)
        told = bot.said("general")
        assert told == ["its own", "claude-haiku-4-5\nSpeak of doves.", "claude-haiku-4-5", "its own"]
        found = await host.house.records.db.read(lambda c: rules.versions(c, owner.address))
    assert [(one.after.version, one.user, one.before.version) for one in found] == [
        (4, "memory:U9", 3),
        (3, "memory:U9", 2),
        (2, "memory:U8", 1),
        (1, "memory:U9", 0),
    ]
    assert (found[2].before, found[2].after) == (first, ChannelRules(engage="always"))


async def test_a_channel_has_fewer_tools_than_its_agent_and_is_asked_by_whom_it_names(tmp_path: Path) -> None:
    owners = {**OWNERS, "owners": ("memory:U9", "memory:U8")}
    settings = config(
        tmp_path, access=owners, agents={"default": {"options": {"tools": ["memory", "read_thread"]}}}
    )
    owner, olga = viewer(OWNER, "general"), viewer(Author("U8", "Olga"), "general")
    there = {"privacy": "public", "author": ADA, "mentioned": True}
    async with serving(settings) as (host, bot):
        controls = host.controls
        assert await controls.tools(owner) == ("memory", "read_thread")
        for wrong, why in (
            (ChannelRules(tools=("bash",)), "has no tool 'bash'. It has: memory, read_thread"),
            (ChannelRules(tools=("none", "memory")), "choose one"),
            (ChannelRules(effort="enormous"), "no effort 'enormous'; there are low"),
            (ChannelRules(keepers=("U1",)), "'U1' is no owner"),
            (ChannelRules(askers=("Ada Lovelace",)), "'Ada Lovelace' is nobody's id"),
            (ChannelRules(askers=tuple(f"U{n}" for n in range(26))), "At most 25"),
        ):
            with pytest.raises(Forbidden, match=re.escape(why)):
                await controls.set_rules(owner, wrong)
        wanted = ChannelRules(effort="low", tools=("memory",), askers=("U2", "staff"), keepers=("U9",))
        told = await controls.set_rules(owner, wanted)
        assert (
            "with low effort, with no tools but memory, asked by 2 people or groups alone, changed by" in told
        )
        assert await controls.rules(owner) == wanted
        denied = await bot.say("general", "@@tools", **there)
        assert denied.reason == access.NOT_HERE
        by_group, by_right = replace(ADA, groups=("staff",)), Author("U8", "Olga")
        await bot.until(lambda: bot.said("general") == [access.NOT_HERE])
        for asks in (BOB, by_group, by_right):
            await answered(bot, "general", "@@effort\n@@tools", **{**there, "author": asks})
        assert bot.said("general")[1:] == ["low\nmemory, mock_append, mock_die"] * 3
        with pytest.raises(Forbidden, match="some people alone"):
            await controls.hand_over(viewer(ADA, "general"), "default")
        assert "asked by 2 people" in await controls.configure(viewer(BOB, "general"), " ")
        with pytest.raises(Forbidden, match="Only an owner"):
            await controls.configure(viewer(BOB, "general"), "versions")
        with pytest.raises(Forbidden, match="`config` takes `versions`"):
            await controls.configure(viewer(BOB, "general"), "who answers here?")
        with pytest.raises(Forbidden, match="kept by other owners"):
            await controls.configure(olga, "revert 0")
        with pytest.raises(Forbidden, match="has version 2 hold again"):
            await controls.configure(owner, "reverse everything")
        listed = await controls.configure(owner, "Versions")
        assert "- **1**, " in listed
        assert "effort=low tools=memory askers=U2,staff keepers=U9" in listed
        assert listed.endswith("`config revert 0` takes the last change back.")
        assert "answer when they are mentioned." in await controls.configure(owner, "revert to v0")
        await controls.set_rules(olga, ChannelRules(tools=("none",)))
        await answered(bot, "general", "@@tools", **there)
        assert bot.said("general")[-1] == "mock_append, mock_die"
        assert "no tools but memory" in await controls.configure(owner, "revert #1")
        assert await controls.rules(owner) == wanted


async def test_a_turn_ends_by_the_settings_that_it_began_with(tmp_path: Path) -> None:
    settings = config(tmp_path, access=OWNERS, agents={"default": {"models": ["claude-haiku-4-5"]}})
    owner = viewer(OWNER, "dm-ada")
    async with serving(settings) as (host, bot):
        dm = {"privacy": "dm", "author": ADA}
        await bot.say("dm-ada", "@@sleep 1\n@@model", **dm)
        await bot.until(lambda: bool(bot.shown))
        [life] = host.house.supervisor.lives.values()
        await host.controls.set_rules(owner, ChannelRules(model="claude-haiku-4-5"))
        # What is written before the turn's last commit belongs to that turn, and the answer comes before it.
        await asyncio.wait_for(life.task, 60)
        assert bot.said("dm-ada") == ["its own"]
        await answered(bot, "dm-ada", "@@model", **dm)
        assert bot.said("dm-ada") == ["its own", "claude-haiku-4-5"]

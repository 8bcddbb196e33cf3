"""Two workspaces in one host, where the same ids name other people and channels: of one nothing is told in the other."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from host.app import Host
from host.controls import later
from host.governance.requests import Shortage, ask_raise
from host.intake import changed
from host.intake.ingress import HELD
from host.ports.controls import ChannelRules, Controls, Forbidden, Judged, Later, TaskOrder
from host.ports.events import Author, EventClass, Privacy, Verdict, Viewer
from host.registry.port import Statements
from host.registry.sessions import session_id
from host.words import say
from sessiondb import Address
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config, serving
from tests.support.viewing import spend

ONE, OTHER = "T0ONE", "T0OTHER"
ANN, OWNER, STRANGER = Author("U1", "Ann"), Author("U9", "Olga"), Author("U5", "Sam")
ACCESS = {"unknown": "deny", "users": ["slack:U1"], "owners": [f"slack:{ONE}/U9", f"slack:{OTHER}/U9"]}
SECRET = "Kestrel"


class SlackLike(MemoryBot):
    channel_type = "slack"


@dataclass
class Places:
    host: Host
    bot: MemoryBot

    async def answered(self, team: str, channel: str, text: str, privacy: Privacy, who: Author = ANN) -> str:
        """The message's id."""
        before = len(self.bot.sent)
        said = await self.bot.say(
            channel, text, author=who, address=at(team, channel), privacy=privacy, mentioned=True
        )
        await self.bot.until(lambda: len(self.bot.sent) > before)
        return said.message_id


def at(team: str, channel: str, thread: str = "") -> Address:
    return Address("slack", team, channel, thread)


def looks(team: str, who: Author = ANN, channel: str = "C1", privacy: Privacy = "public") -> Viewer:
    return Viewer(who, at(team, channel), privacy)


@asynccontextmanager
async def two(tmp_path: Path) -> AsyncIterator[Places]:
    bot = SlackLike()
    async with serving(config(tmp_path, access=ACCESS), bot) as (host, _):
        yield Places(host, bot)


Asks = Mapping[str, Sequence[Callable[[], Awaitable[object]]]]  # by the name of what is asked


def looked(host: Host, viewer: Viewer) -> Asks:
    """Everything of `Controls` that shows something."""
    controls = host.controls
    return {
        "help": [lambda: controls.help(viewer)],
        "language": [lambda: controls.language(viewer)],
        "suggestions": [lambda: controls.suggestions(viewer.address)],
        "overview": [lambda: controls.overview(viewer)],
        "tasks": [lambda: controls.tasks(viewer)],
        "usage": [lambda: controls.usage(viewer)],
        "why": [lambda: controls.why(viewer, "")],
        "grants": [lambda: controls.grants(viewer, "")],
        "memory": [lambda: controls.memory(viewer, ""), lambda: controls.memory(viewer, SECRET)],
        "rules": [lambda: controls.rules(viewer)],
        "tools": [lambda: controls.tools(viewer)],
        "configure": [lambda: controls.configure(viewer, ""), lambda: controls.configure(viewer, "versions")],
    }


def ordered(host: Host, viewer: Viewer, key: str, question: str, message: str) -> Asks:
    """Everything of `Controls` that changes something, or shows one thing: of another workspace, from this viewer's."""
    controls, session = host.controls, session_id("default", at(ONE, "C1"))
    return {
        "why": [lambda: controls.why(viewer, message)],
        "stop": [lambda: controls.stop(viewer, session)],
        "order": [lambda order=order: controls.order(viewer, "t1", order) for order in TaskOrder],  # type: ignore[misc]
        "call": [lambda: controls.call(viewer, question)],
        "judge": [lambda: controls.judge(viewer, Judged(key, "bad", 1, ""))],
        "again": [lambda: controls.again(viewer, key)],
        "again_here": [lambda: controls.again_here(viewer, "")],
        "grants": [lambda: controls.grants(viewer, "revoke 1")],
        "hand_over": [lambda: controls.hand_over(viewer, "default")],
        "offer": [],  # it is about whoever asks; its confirmation is decided about
        "configure": [lambda: controls.configure(viewer, "revert 1")],
        "set_rules": [lambda: host.house.service.set_rules(viewer, ChannelRules(), at(ONE, "C1"))],
        "revert": [lambda: controls.revert(viewer, at(ONE, "C1"), 1)],
        "decide": [
            lambda request=f"{what}{about}": controls.decide(viewer, request, "yes")  # type: ignore[misc]
            for what in (changed.REQUEST, changed.UNSAID, later.REQUEST, HELD, "")
            for about in (key, message)
        ],
    }


OF_NO_PLACE = {"grammar", "is_owner", "agents", "models", "models_for"}  # they show the configuration


async def all_told(host: Host, viewer: Viewer) -> str:
    """Everything that is shown to somebody who only looks."""
    told = []
    for name, asks in looked(host, viewer).items():
        for ask in asks:
            try:
                told.append(f"{name} {await ask()!r}")
            except Forbidden as refused:
                told.append(f"{name} {refused}")
    return "\n".join(told)


async def test_all_that_people_can_ask_of_the_host_is_asked_here(tmp_path: Path) -> None:
    """Whoever adds something to `Controls` says here how it is asked about another workspace."""
    async with two(tmp_path) as town:
        viewer = looks(OTHER)
        known = {*looked(town.host, viewer), *ordered(town.host, viewer, "", "", ""), *OF_NO_PLACE}
        assert known == {name for name in vars(Controls) if not name.startswith("_")}


@pytest.mark.parametrize("who", [ANN, OWNER], ids=["member", "owner"])
async def test_what_happened_in_one_workspace_is_shown_in_no_other(tmp_path: Path, who: Author) -> None:
    async with two(tmp_path) as town:
        said = await town.answered(ONE, "C1", f"{SECRET} in public", "public", who)
        await town.answered(ONE, "D1", f"{SECRET} alone", "dm", who)
        await spend(town.host, at(ONE, "C1"), 3_210_000)
        controls = town.host.controls
        await controls.set_rules(looks(ONE, OWNER), ChannelRules(instructions=f"Call it {SECRET}."))
        here, there = looks(ONE, who), looks(OTHER, who)
        assert SECRET in await all_told(town.host, here)
        assert "3.21" in await all_told(town.host, here)
        for viewer in (there, looks(OTHER, who, "D1", "dm")):
            shown = await all_told(town.host, viewer)
            assert SECRET not in shown
            assert "3.21" not in shown
            assert ONE not in shown
            assert said not in shown
        assert said in (await controls.why(here, said)).text
        with pytest.raises(Forbidden, match="no such message"):
            await controls.why(there, said)


@pytest.mark.parametrize("who", [ANN, OWNER], ids=["member", "owner"])
async def test_what_belongs_to_one_workspace_is_ordered_from_no_other(tmp_path: Path, who: Author) -> None:
    async with two(tmp_path) as town:
        said = await town.answered(ONE, "C1", "hello", "public", who)
        [sent] = [one for one in town.bot.sent if one.address.workspace_id == ONE]
        await town.host.controls.set_rules(looks(ONE, OWNER), ChannelRules(instructions=f"Call it {SECRET}."))
        await town.answered(ONE, "C1", "@@ask Which? | red | blue", "public")
        question = town.bot.sent[-1].question
        asks = ordered(town.host, looks(OTHER, who), sent.key, question, said)
        for name, ask in [(name, ask) for name, asks in asks.items() for ask in asks]:
            with pytest.raises(Forbidden) as refused:
                pytest.fail(f"{name}: {await ask()!r}")
            assert SECRET not in str(refused.value), name
        held = await town.host.controls.rules(looks(ONE, OWNER))
        assert (held.instructions, held.version) == (f"Call it {SECRET}.", 1)


async def test_a_stranger_is_let_in_by_their_own_workspaces_owner_and_there_alone(tmp_path: Path) -> None:
    access = {**ACCESS, "unknown": "ask"}
    bot = SlackLike()
    async with serving(config(tmp_path, access=access), bot) as (host, _):
        for team in (ONE, OTHER):
            said = await bot.say(
                "C1", "hello", author=STRANGER, address=at(team, "C1"), privacy="public", mentioned=True
            )
            assert said.verdict is Verdict.DECLINED
        await bot.until(lambda: len([one for one in bot.sent if one.decision is not None]) == 2)
        asked = {one.address.workspace_id: one.decision for one in bot.sent if one.decision is not None}
        assert set(asked) == {ONE, OTHER}, "each workspace's owner is asked about their own"
        mine, theirs = asked[ONE], asked[OTHER]
        assert mine is not None
        assert theirs is not None
        assert mine.request != theirs.request
        with pytest.raises(Forbidden, match="no such request"):
            await host.controls.decide(looks(OTHER, OWNER), mine.request, "allow")
        assert "may talk" in await host.controls.decide(looks(ONE, OWNER), mine.request, "allow")
        again = {"author": STRANGER, "privacy": "public", "mentioned": True}
        let_in = await bot.say("C1", "again", address=at(ONE, "C1"), **again)
        kept_out = await bot.say("C1", "again", address=at(OTHER, "C1"), **again)
        assert (let_in.verdict, kept_out.verdict) == (Verdict.STORED, Verdict.DECLINED)


async def test_what_was_declined_in_one_workspace_is_not_its_namesakes_in_another(tmp_path: Path) -> None:
    async with two(tmp_path) as town:
        said = await town.bot.say(
            "C1",
            f"{SECRET}, please",
            author=STRANGER,
            address=at(ONE, "C1"),
            privacy="public",
            mentioned=True,
        )
        assert said.verdict is Verdict.DECLINED
        assert "declined" in (await town.host.controls.why(looks(ONE, OWNER), said.message_id)).text
        for viewer in (looks(OTHER, STRANGER), looks(OTHER, OWNER)):
            with pytest.raises(Forbidden):
                await town.host.controls.why(viewer, said.message_id)


async def test_a_question_of_one_workspace_is_answered_by_no_namesake_in_another(tmp_path: Path) -> None:
    """A click says by itself where it happened: the question, and what it lets run, is its workspace's people's."""
    async with two(tmp_path) as town:
        await town.answered(ONE, "C1", "@@ask Which? | red | blue", "public")
        [card] = town.bot.sent
        click = {
            "event_class": EventClass.ANSWER,
            "natural_id": card.question,
            "refers_to": card.question,
            "value": "red",
            "author": ANN,
        }
        for who in (ANN, OWNER):
            refused = await town.bot.say("C1", "", address=at(OTHER, "C1"), **{**click, "author": who})
            assert (refused.verdict, len(town.bot.sent)) == (Verdict.DECLINED, 1)
        taken = await town.bot.say("C1", "", address=at(ONE, "C1"), **click)
        assert taken.verdict is Verdict.STORED
        await town.bot.until(lambda: len(town.bot.sent) == 2)
        assert town.bot.sent[1].address.workspace_id == ONE


async def test_what_somebody_wants_later_is_confirmed_by_no_namesake_in_another(tmp_path: Path) -> None:
    async with two(tmp_path) as town:
        wanted = Later(when="tomorrow at nine", what="", text=SECRET)
        offer = await town.host.controls.offer(looks(ONE), wanted)
        for choice in ("yes", "no"):
            with pytest.raises(Forbidden, match="Only whoever asked"):
                await town.host.controls.decide(looks(OTHER), offer.request, choice)


async def test_of_one_budget_that_both_use_up_the_owners_of_both_are_asked_and_hear_no_names_of_each_other(
    tmp_path: Path,
) -> None:
    async with two(tmp_path) as town:
        access = town.host._config.access
        shortage = Shortage("all", 20261231, say("all agents"), 1_000_000, 1)
        for team in (ONE, OTHER):
            await town.host.house.records.db.write(
                lambda c, team=team: ask_raise(c, access, shortage, at(team, "C1"), None, 1)  # type: ignore[misc]
            )
        rows = await town.host.house.records.db.read(
            lambda c: c.execute(
                "SELECT workspace_id, private_to, decision FROM notices ORDER BY id"
            ).fetchall()
        )
        assert [row[:2] for row in rows] == [(ONE, "U9"), (OTHER, "U9")]
        request = json.loads(str(rows[0][2]))["request"]
        named = Author("U9", SECRET)
        assert SECRET in await town.host.controls.decide(looks(ONE, named), request, "allow")
        told = await town.host.controls.decide(looks(OTHER, OWNER), request, "deny")
        assert told == "That was decided already: the answer was yes."
        assert SECRET in await town.host.controls.decide(looks(ONE, OWNER), request, "deny")


async def test_a_message_is_told_of_by_its_platforms_id_where_it_was_said(tmp_path: Path) -> None:
    """In another workspace the same id is another message."""
    async with two(tmp_path) as town:
        for team, words in ((ONE, SECRET), (OTHER, "Osprey")):
            more = {"platform_message_id": "1.000001", "natural_id": "1.000001", "mentioned": True}
            before = len(town.bot.sent)
            await town.bot.say("C1", words, author=ANN, address=at(team, "C1"), privacy="public", **more)
            await town.bot.until(lambda before=before: len(town.bot.sent) > before)  # type: ignore[misc]
            if team == ONE:
                for viewer in (looks(OTHER), looks(OTHER, OWNER)):
                    with pytest.raises(Forbidden, match="no such message"):
                        await town.host.controls.why(viewer, "1.000001")
        own = [message for message in await ids(town.host) if message.startswith("m")]
        for team, mine, theirs in ((ONE, *own), (OTHER, *reversed(own))):
            told = (await town.host.controls.why(looks(team), "1.000001")).text
            assert mine[:9] in told or mine in told, told
            assert theirs[:9] not in told


async def ids(host: Host) -> list[str]:
    def job(connection: Statements) -> list[str]:
        return [
            str(row[0]) for row in connection.execute("SELECT message_id FROM inbox ORDER BY id").fetchall()
        ]

    return await host.house.records.db.read(job)


async def test_what_happened_on_one_server_of_discord_is_shown_on_no_other(tmp_path: Path) -> None:
    """There an id is the same person's everywhere: they may be on both, and others beside them on one."""

    class DiscordLike(MemoryBot):
        channel_type = "discord"

    bot, one, other = DiscordLike(), Address("discord", "100", "11"), Address("discord", "200", "21")
    access = {"unknown": "deny", "users": ["discord:1", "discord:2"], "owners": ["discord:9"]}
    owner = Viewer(Author("9", "Olga"), one, "public")
    async with serving(config(tmp_path, access=access), bot) as (host, _):
        await bot.say("11", SECRET, author=Author("1", "Ann"), address=one, privacy="public", mentioned=True)
        await bot.until(lambda: len(bot.sent) == 1)
        await spend(host, one, 3_210_000)
        await host.controls.set_rules(owner, ChannelRules(instructions=f"Call it {SECRET}."))
        assert SECRET in await all_told(host, Viewer(Author("1", "Ann"), one, "public"))
        for who in (Author("1", "Ann"), Author("2", "Bob")):
            for place, privacy in ((other, "public"), (Address("discord", "", f"3{who.id}"), "dm")):
                shown = await all_told(host, Viewer(who, place, privacy))  # type: ignore[arg-type]
                assert [word for word in (SECRET, "3.21") if word in shown] == []

"""From a person's seat: to read what was not said to them, to speak as somebody else, to press what is not theirs."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from host.app import Host
from host.controls import anew as looks
from host.controls import service as controls
from host.governance import access as governance
from host.intake import inbox
from host.ports.bot import Offline
from host.ports.controls import Forbidden, TaskOrder
from host.ports.events import Author, EventClass, InboundEvent, Privacy, Verdict, Viewer
from host.registry import held, sessions
from host.registry.notices import Notice
from host.registry.sessions import scope_name
from host.schedule.homes import Homes
from host.schedule.readers import Readers
from host.words import as_it_is
from sessiondb import Address
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config, serving
from tests.support.redteam import Seat, attack, walled
from tests.support.viewing import ADA, BOB, answered, spend, viewer
from tests.support.waiting import eventually

HERE = Address("memory", "w", "general")
PUBLIC: dict[str, Any] = {"privacy": "public", "mentioned": True}
GUEST = Author("U7", "Gail", guest=True)
PRIVATE_NEWS = scope_name("private", HERE._replace(platform_id="news"), "")
KEEP = '@@call memory {"command": "create", "path": "/memories/notes", "file_text": "a secret"}\nkept'
SHOW = '@@call memory {"command": "view", "path": "/memories/notes"}\n@@results'


class SlackLike(MemoryBot):
    channel_type = "slack"


def within(thread: str) -> dict[str, Any]:
    return {"address": HERE._replace(thread_id=thread), **PUBLIC}


@walled
@attack(Seat.PERSON, 13)
@pytest.mark.parametrize("by_an_app", [False, True], ids=["themselves", "by an app of theirs"])
async def test_a_guest_asks_the_agent_for_what_was_said_in_channels_they_are_not_in(
    tmp_path: Path, by_an_app: bool, standing: bool
) -> None:
    """The public channels share a folder; whoever may ask in one of them may ask for all of it."""
    guest, routes = replace(GUEST, is_bot=by_an_app), [{"agent": "default", "bots": "mention"}]
    access = {"unknown": "allow", "guests": "deny" if standing else "allow"}
    write = '@@call mock_append {"file": "notes", "line": "a secret", "shared": true}\nkept'
    async with serving(config(tmp_path, access=access, routes=routes)) as (_, bot):
        await answered(bot, "board", write, author=ADA, **PUBLIC)
        asked = await bot.say("general", "what do you know?", author=guest, **PUBLIC)
        assert (asked.verdict is Verdict.DECLINED) is standing
        await answered(bot, "random", "hello", author=ADA, **PUBLIC)
        if not standing:
            await bot.until(lambda: "what do you know?" in bot.said("general"))
        assert ("what do you know?" in bot.said("general")) is not standing


@walled
@attack(Seat.PERSON, 13)
@pytest.mark.parametrize("how", ["by the configuration", "by name"])
async def test_a_guest_who_is_let_in_has_the_agent_read_them_what_other_channels_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, standing: bool
) -> None:
    """They have a scope of their own in each channel, whoever let them in."""
    access = {"guests": "allow"} if how == "by the configuration" else {"users": ["memory:U7"]}
    if not standing:
        monkeypatch.setattr(governance, "sees_in_part", lambda *_: False)
    async with serving(config(tmp_path, access=access)) as (_, bot):
        await answered(bot, "board", KEEP, author=ADA, **PUBLIC)
        await answered(bot, "general", SHOW, author=GUEST, **within("of-gail"))
        assert any("a secret" in text for text in bot.said("general")) is not standing
        await answered(bot, "lunch", SHOW, author=ADA, **PUBLIC)
        assert any("a secret" in text for text in bot.said("lunch")), "members have what they share"


@walled
@attack(Seat.PERSON, 13)
async def test_a_guest_joins_a_conversation_of_members_to_ask_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    if not standing:
        monkeypatch.setattr(governance, "sees_in_part", lambda *_: False)
    there = within("of-ada")
    async with serving(config(tmp_path, access={"guests": "allow"})) as (_, bot):
        await answered(bot, "general", KEEP, author=ADA, **there)
        asked = await bot.say("general", SHOW, author=GUEST, **there)
        assert (asked.verdict is Verdict.DECLINED) is standing
        await answered(bot, "lunch", "hello", author=ADA, **PUBLIC)
        if standing:
            await bot.until(lambda: any(sent.private_to == "U7" for sent in bot.sent))
            [told] = [sent.payload["text"] for sent in bot.sent if sent.private_to == "U7"]
            assert "not for guests" in told
        else:
            await bot.until(lambda: any("a secret" in text for text in bot.said("general")))


@walled
@attack(Seat.PERSON, 13)
async def test_a_guest_orders_the_host_to_show_what_members_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    if not standing:
        monkeypatch.setattr(governance, "sees_in_part", lambda *_: False)
    async with serving(config(tmp_path, access={"guests": "allow"})) as (host, bot):
        await answered(bot, "general", KEEP, author=ADA, **within("of-ada"))
        controls = host.controls
        assert ("a secret" in await controls.memory(viewer(GUEST, "general"), "")) is not standing
        thread = replace(viewer(GUEST, "general"), address=HERE._replace(thread_id="of-ada"))
        if standing:
            with pytest.raises(Forbidden, match="not for guests"):
                await controls.memory(thread, "secret")
        assert "a secret" in await controls.memory(viewer(ADA, "lunch"), "")
        for apart in (viewer(ADA, "dm-ada", "dm"), viewer(ADA, "general", "private")):
            assert "Nothing is noted" in await controls.memory(apart, "")
        with pytest.raises(Forbidden, match="owner"):
            await controls.memory(viewer(ADA, "general"), "forget everything yes")


@walled
@attack(Seat.PERSON, 13)
async def test_a_guest_has_a_task_read_in_their_place_what_members_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    """A task that posts into the channel has a session of its own, which is as far apart as whoever asked for it."""
    if not standing:
        monkeypatch.setattr(Homes, "_of_guests", staticmethod(lambda *_: None))
        monkeypatch.setattr(Readers, "judge", nothing)  # it would refuse them instead
    async with serving(config(tmp_path, access={"guests": "allow"})) as (host, bot):
        await answered(bot, "general", KEEP, author=ADA, **within("of-ada"))
        wish = {"title": "T", "prompt": SHOW, "cron": "0 9 1 1 *", "destination": "channel"}
        ask = f"@@call schedule_task {json.dumps(wish)}\n@@results"
        await answered(bot, "general", ask, author=GUEST, **within("of-gail"))
        [scope] = await host.house.records.db.read(
            lambda s: [
                str(x) for (x,) in s.execute("SELECT scope FROM sessions WHERE thread_id LIKE 'task:%'")
            ]
        )
    assert (scope == scope_name("guests", HERE, "")) is standing
    assert (scope == scope_name("public", HERE, "")) is not standing


@walled
@attack(Seat.PERSON, 13)
async def test_a_members_task_is_not_drawn_into_what_a_guest_began(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    """What a member asks there stays apart from what members share; elsewhere they have it."""
    if not standing:
        monkeypatch.setattr(governance, "sees_in_part", lambda *_: False)
    async with serving(config(tmp_path, access={"guests": "allow"})) as (host, bot):
        await answered(bot, "board", KEEP, author=ADA, **PUBLIC)
        await answered(bot, "general", "hello", author=GUEST, **within("of-gail"))
        await answered(bot, "general", SHOW, author=ADA, **within("of-gail"))
        assert any("a secret" in text for text in bot.said("general")) is not standing
        await answered(bot, "general", SHOW, author=ADA, **within("of-ada"))
        assert any("a secret" in text for text in bot.said("general"))
        [scope] = await host.house.records.db.read(
            lambda s: [str(x) for (x,) in s.execute("SELECT scope FROM sessions WHERE thread_id = 'of-gail'")]
        )
    assert scope == scope_name("guests" if standing else "public", HERE, "")


NEWS = {"news": {"platform": "memory", "channel": "news", "workspace": "w"}}
SCOPES = "SELECT scope FROM sessions WHERE thread_id LIKE 'task:%'"


def to_the_news(prompt: str, tool: str = "schedule_task", **more: Any) -> str:
    wish = {"title": "T", "prompt": prompt, "cron": "0 9 1 1 *", "destination": "news", **more}
    return f"@@call {tool} {json.dumps(wish)}\n@@results"


async def scopes_of_tasks(host: Host) -> list[str]:
    return await host.house.records.db.read(lambda s: [str(scope) for (scope,) in s.execute(SCOPES)])


@walled
@attack(Seat.PERSON, 13)
@pytest.mark.parametrize("kind", ["guest", "of another organisation"])
@pytest.mark.parametrize("where", ["dm", "private"])
async def test_a_guest_has_a_task_run_with_what_other_channels_keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, where: Privacy, standing: bool
) -> None:
    """Asked for in a direct message or a private channel, it would run where it posts, as that channel's do."""
    who = replace(GUEST, guest=kind == "guest", external=kind != "guest")
    if not standing:
        monkeypatch.setattr(Readers, "judge", nothing)
    settings = config(
        tmp_path, access={"guests": "allow", "external": "allow"}, agents={"default": {"destinations": NEWS}}
    )
    async with serving(settings) as (host, bot):
        await answered(bot, "news", KEEP, author=ADA, **PUBLIC)
        await answered(bot, "aside", to_the_news(SHOW), author=who, privacy=where, mentioned=True)
        assert any("public channels share" in text for text in bot.said("aside")) is standing
        assert await scopes_of_tasks(host) == ([] if standing else [scope_name("public", HERE, "")])
        await answered(bot, "dm-ada", to_the_news("the news"), author=ADA, privacy="dm")
        assert scope_name("public", HERE, "") in await scopes_of_tasks(host), "members have theirs"


@walled
@attack(Seat.PERSON, 13)
async def test_somebody_has_a_task_run_with_what_a_private_channel_keeps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    """Its answers stay in the channel, but it has that channel's folder, and may write to others on the list."""
    if not standing:
        monkeypatch.setattr(Readers, "judge", nothing)
    private: dict[str, Any] = {"privacy": "private", "mentioned": True}
    async with serving(config(tmp_path, agents={"default": {"destinations": NEWS}})) as (host, bot):
        bot.members[ADA.id] = {"news"}
        await answered(bot, "news", KEEP, author=ADA, **private)
        await answered(bot, "dm-bob", to_the_news(SHOW), author=BOB, privacy="dm")
        assert any("private channel" in text for text in bot.said("dm-bob")) is standing
        assert await scopes_of_tasks(host) == ([] if standing else [PRIVATE_NEWS])
        await answered(bot, "dm-ada", to_the_news("the news"), author=ADA, privacy="dm")
        assert PRIVATE_NEWS in await scopes_of_tasks(host), "whoever reads it has theirs"


@walled
@attack(Seat.PERSON, 13)
async def test_a_member_who_became_a_guest_changes_what_their_old_task_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    async with serving(
        config(tmp_path, access={"guests": "allow"}, agents={"default": {"destinations": NEWS}})
    ) as (host, bot):
        await answered(bot, "news", KEEP, author=ADA, **PUBLIC)
        await answered(bot, "dm-bob", to_the_news("the news"), author=BOB, privacy="dm")
        [task] = await host.controls.tasks(viewer(ADA, "general"))
        if not standing:
            monkeypatch.setattr(Readers, "judge", nothing)
        bob = replace(BOB, guest=True)
        for order, more in (("update_task", {"prompt": SHOW}), ("run_task_now", {})):
            asked = f"@@call {order} {json.dumps({'task_id': task.id, **more})}\n@@results"
            await answered(bot, "dm-bob", asked, author=bob, privacy="dm")
        refused = [text for text in bot.said("dm-bob") if "public channels share" in text]
        assert len(refused) == (2 if standing else 0)
        stop = f"@@call cancel_task {json.dumps({'task_id': task.id})}\n@@results"
        await answered(bot, "dm-bob", stop, author=bob, privacy="dm")
        assert any("Cancelled" in text for text in bot.said("dm-bob")), "to stop it gives them nothing"


async def nothing(*_: object) -> None:
    return


@walled
@attack(Seat.PERSON, 13)
async def test_an_outsider_looks_at_what_a_channel_said_before_it_became_private(
    tmp_path: Path, standing: bool
) -> None:
    async with serving(config(tmp_path)) as (host, bot):
        id_ = await answered(bot, "general", "the numbers", author=ADA, **PUBLIC)
        await spend(host, HERE, 70_000)
        if standing:  # the platform's event, or what is derived from overwrites and roles
            await host.house.reception.channel_became(HERE, "private")
        outside = viewer(BOB, "random")
        spent = (await host.controls.usage(outside)).today
        try:
            story = (await host.controls.why(outside, id_)).text
        except Forbidden:
            story = ""
        assert (spent == 0, story == "") == (standing, standing)


@walled
@attack(Seat.NETWORK, 13)
async def test_a_hook_writes_of_a_channel_that_became_private_where_public_channels_share(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    """Its configuration says still that the channel is public."""
    if not standing:
        monkeypatch.setattr(sessions, "as_known", lambda _, __, scope: scope)
    async with serving(config(tmp_path)) as (host, bot):
        await answered(bot, "general", "hello", author=ADA, **PUBLIC)
        await host.house.reception.channel_became(HERE, "private")
        hook = {"author": Author("webhook:ci", "ci"), "event_class": EventClass.WEBHOOK, "natural_id": "ci:1"}
        await answered(
            bot, "general", KEEP, address=HERE._replace(thread_id="of-ci"), privacy="public", **hook
        )
        await answered(bot, "lunch", SHOW, author=ADA, **PUBLIC)
        assert any("a secret" in text for text in bot.said("lunch")) is not standing


UNTOLD: dict[str, Callable[[MemoryBot], None]] = {
    "became private": lambda bot: bot.privacies.update(general="private"),
    "is gone": lambda bot: bot.gone.add("general"),
    "is not told of": lambda bot: setattr(bot, "tells_nothing", Offline("no connection")),
    "breaks the bot": lambda bot: setattr(bot, "tells_nothing", ValueError("a surprise")),
}


@walled
@attack(Seat.PERSON, 13)
@pytest.mark.parametrize("how", UNTOLD)
async def test_an_outsider_looks_at_a_channel_whose_change_no_event_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, standing: bool
) -> None:
    """Tasks, runs, failures, costs and stories alike are shown by what the platform says at that moment."""
    if not standing:
        monkeypatch.setattr(looks, "TellsPrivacy", type(None))  # as if channels never changed
    outside, wish = viewer(BOB, "random"), {"title": "T", "prompt": "p", "cron": "0 9 1 1 *"}
    async with serving(config(tmp_path)) as (host, bot):
        ask = f"@@call schedule_task {json.dumps(wish)}\n@@results"
        id_ = await answered(bot, "general", ask, author=ADA, **PUBLIC)
        await spend(host, HERE, 70_000)
        await bot.say("general", "long\n@@sleep 60", author=ADA, **PUBLIC)
        await bot.until(lambda: bool(bot.shown))
        await host.house.deliveries.notify(Notice(f"gave-up:{id_}", HERE, as_it_is("⚠️ I could not.")))
        [task] = await host.controls.tasks(outside)
        assert (await everything(host, outside, id_, task.id)) == [True] * 6, "members see what is public"
        UNTOLD[how](bot)
        assert (await everything(host, outside, id_, task.id)) == [not standing] * 6
        inside = viewer(ADA, "general", bot.privacies.get("general", "public"))
        assert (await everything(host, inside, id_, task.id))[1:] == [True] * 5


class NeverTells(MemoryBot):
    async def privacy_now(self, channels: Collection[Address]) -> Mapping[Address, Privacy]:
        self.asked_about.append({one.platform_id for one in channels})
        await asyncio.Event().wait()
        raise AssertionError


@walled
@attack(Seat.PERSON, 15)
async def test_channels_without_an_end_keep_nobody_waiting_who_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    """So many are asked about at once, and so long; of what nothing was told, nothing is shown."""
    if standing:
        monkeypatch.setattr(looks, "MOST_CHANNELS", 2)
        monkeypatch.setattr(looks, "LONGEST", 0.05)
    bot = NeverTells()
    async with serving(config(tmp_path), bot) as (host, _):
        for channel in ("general", "lunch", "news"):
            await answered(bot, channel, "hello", author=ADA, **PUBLIC)
            await spend(host, HERE._replace(platform_id=channel), 70_000)
        looking = asyncio.create_task(host.controls.overview(viewer(BOB, "random")))
        await eventually(lambda: bool(bot.asked_about))
        assert (len(bot.asked_about[0]) <= 2) is standing
        if standing:
            seen = await looking
            assert seen.spent is not None
            assert seen.spent.today == 0
        looking.cancel()


async def everything(host: Host, who: Viewer, message: str, task: str) -> list[bool]:
    """What they see of runs, tasks, failures and costs, whether they are told of the message, and may order the task."""
    seen = await host.controls.overview(who)
    assert seen.spent is not None
    return [
        *(bool(found) for found in (seen.running, seen.tasks, seen.failures, seen.spent.today)),
        await may(host.controls.why(who, message)),
        await may(host.controls.order(who, task, TaskOrder.RUN), but="not yours"),
    ]


async def may(asked: Awaitable[object], but: str = "") -> bool:
    """`but`: a refusal that says no more than they see."""
    try:
        await asked
    except Forbidden as error:
        return bool(but) and "no such" not in str(error).lower()
    return True


@walled
@attack(Seat.PERSON, 13)
async def test_somebody_has_another_channels_message_explained_among_people(
    tmp_path: Path, standing: bool
) -> None:
    """What a member of both may see is not for everybody who reads along; their own is told where nobody does."""
    async with serving(config(tmp_path)) as (_, bot):
        id_ = await answered(bot, "board", "the numbers", author=ADA, privacy="private", mentioned=True)
        asked, place = ("general", PUBLIC) if standing else ("dm-ada", {"privacy": "dm"})
        await answered(bot, asked, f"!why {id_}", author=ADA, **place)
        own = await answered(bot, "dm-ada", "between us", author=ADA)
        await answered(bot, asked, f"!why {own}", author=ADA, **place)
        said = "".join(bot.said(asked))
    assert id_ not in said
    assert (own in said) is not standing


@walled
@attack(Seat.PERSON, 13)
async def test_somebody_sends_what_another_person_wrote_and_thought_better_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    if not standing:
        monkeypatch.setattr(governance, "is_same", lambda *_: True)
    async with serving(config(tmp_path)) as (host, bot):
        await bot.say("general", "!stpo the presses", author=ADA, **PUBLIC)
        await bot.until(lambda: bool(bot.sent))
        decision = bot.sent[0].decision
        assert decision is not None
        sent = 0
        for request in (decision.request, "held:", "held:m0000000000000000", f"{decision.request}x"):
            try:
                await host.controls.decide(viewer(BOB, "general"), request, "send")
                sent += 1
            except Forbidden:
                continue
        assert sent == (0 if standing else 1)
        await answered(bot, "general", "hello", author=BOB, **PUBLIC)
        if not standing:
            await bot.until(lambda: "!stpo the presses" in bot.said("general"))
        assert ("!stpo the presses" in bot.said("general")) is not standing


@walled
@attack(Seat.PERSON, 4)
async def test_many_presses_of_one_button_send_one_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    """Without the message's own key, and what was pressed forgotten, each press is a message of its own."""
    if not standing:
        names = itertools.count()

        def anew(event: str) -> InboundEvent:
            return replace(inbox.event_of(event), natural_id=f"pressed-{next(names)}")

        monkeypatch.setattr(controls, "inbox", SimpleNamespace(event_of=anew))
        monkeypatch.setattr(held, "forget", lambda *_: None)
    async with serving(config(tmp_path)) as (host, bot):
        await bot.say("dm-ada", "!stpo the presses", author=ADA)
        await bot.until(lambda: bool(bot.sent))
        decision = bot.sent[0].decision
        assert decision is not None
        taken = 0
        for _ in range(50 if standing else 5):
            try:
                await host.controls.decide(viewer(ADA, "dm-ada", "dm"), decision.request, "send")
                taken += 1
            except Forbidden:
                continue
        await bot.say("dm-ada", "hello", author=ADA)
        await bot.until(lambda: any("hello" in text for text in bot.said("dm-ada")))
        sent = "".join(bot.said("dm-ada")[1:]).count("!stpo the presses")
        assert (taken, sent) == ((1, 1) if standing else (5, 5))


@walled
@attack(Seat.PERSON, 13)
async def test_a_stranger_learns_nothing_from_orders_to_the_host(tmp_path: Path, standing: bool) -> None:
    access = {"unknown": "deny" if standing else "allow", "users": ["memory:U1"]}
    async with serving(config(tmp_path, access=access)) as (_, bot):
        id_ = await answered(bot, "general", "the numbers", author=ADA, **PUBLIC)
        for order in ("!status", "!tasks", "!usage", f"!why {id_}", "!config", "!help", "!stpo"):
            said = await bot.say("general", order, author=BOB, **PUBLIC)
            assert said.verdict is Verdict.DECLINED
        await answered(bot, "general", "hello", author=ADA, **PUBLIC)
        told = [sent.payload["text"] for sent in bot.sent if sent.private_to == "U2"]
        assert (told == ["You have not been given access to this agent."]) is standing
        assert bot.said("general")[0] == "the numbers"


@walled
@attack(Seat.SLACK, 13)
async def test_somebody_of_another_workspace_answers_what_their_namesake_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    """There the same id is somebody else's, whom the asked one's workspace takes neither for a guest nor for a stranger."""
    if not standing:
        monkeypatch.setattr(governance, "same_people", lambda *_: True)
    bot = SlackLike()
    here, there = Address("slack", "T1", "C1", "1.1"), Address("slack", "T2", "C1", "1.1")
    access = {"users": ["slack:T1/U1"], "unknown": "deny"}
    async with serving(config(tmp_path, access=access), bot):
        await bot.say("C1", "@@ask Which? | red | blue\n@@results", author=ADA, address=here, **PUBLIC)
        await bot.until(lambda: bool(bot.sent) and bool(bot.sent[-1].question))
        key = bot.sent[-1].question
        click: dict[str, Any] = {
            "event_class": EventClass.ANSWER,
            "natural_id": key,
            "refers_to": key,
            "value": "blue",
        }
        said = await bot.say("C1", "", author=Author("U1", "Eve"), address=there, **click)
        assert (said.verdict is Verdict.DECLINED) is standing
        if standing:
            own = await bot.say("C1", "", author=ADA, address=here, **click)
            assert own.verdict is Verdict.STORED

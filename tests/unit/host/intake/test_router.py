"""Where an event goes: a table of rules and events."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from host.config import Access, Route
from host.governance.access import Allowed, Denied, decide
from host.intake.router import Engage, Ignore, route, rule_of, serving
from host.ports.controls import ChannelRules
from host.ports.events import Author, EventClass, InboundEvent
from sessiondb import Address

CHANNEL = Address("slack", "T1", "C1")
THREAD = Address("slack", "T1", "C1", "100")


def event(**more: Any) -> InboundEvent:
    fields: dict[str, Any] = {
        "event_class": EventClass.MESSAGE,
        "address": CHANNEL,
        "natural_id": "200",
        "author": Author("U1", "Ada"),
        "at": 1,
        "text": "hello",
        "platform_message_id": "200",
        "opens_thread": "200",
    }
    return InboundEvent(**{**fields, **more})


def engaged(event: InboundEvent, rule: Route | None = None, agent: str | None = None) -> Engage | None:
    found = route(event, [rule or Route()], agent)
    return found if isinstance(found, Engage) else None


def test_a_mention_in_a_channel_opens_a_thread() -> None:
    found = engaged(event(mentioned=True))
    assert found is not None
    assert found.answer == CHANNEL._replace(thread_id="200")
    assert found.session == found.answer
    assert found.engages


def test_chatter_in_a_channel_is_ignored() -> None:
    assert engaged(event()) is None


def test_an_engaged_thread_goes_on_without_a_mention() -> None:
    found = engaged(event(address=THREAD), agent="helper")
    assert found is not None
    assert found.agent == "helper"
    assert found.answer == THREAD


def test_a_direct_message_is_always_addressed_and_opens_no_thread() -> None:
    found = engaged(event(privacy="dm"))
    assert found is not None
    assert found.answer == CHANNEL


def test_an_agent_that_is_switched_off_hears_not_even_a_mention() -> None:
    assert engaged(event(mentioned=True), Route(engage="off")) is None


def test_a_pattern_engages() -> None:
    rule = Route(engage="pattern", pattern="(?i)deploy")
    assert engaged(event(text="Deploy failed"), rule) is not None
    assert engaged(event(text="lunch?"), rule) is None
    slow = Route(engage="pattern", pattern=r"^(\w+\s?)*\?$")  # which stepping back would be at for ever
    assert engaged(event(text="a" * 5_000 + "!"), slow) is None


def test_session_modes_name_the_session_but_the_answer_stays_where_it_was_asked() -> None:
    by_channel = engaged(event(address=THREAD, mentioned=True), Route(session="channel"))
    assert by_channel is not None
    assert by_channel.session == CHANNEL
    assert by_channel.answer == THREAD
    by_user = engaged(event(address=THREAD, mentioned=True), Route(session="user"))
    assert by_user is not None
    assert by_user.session.thread_id == "user:U1"


def test_another_bot_wakes_an_agent_only_when_it_mentions_it() -> None:
    robot = Author("B1", is_bot=True)
    assert engaged(event(author=robot, address=THREAD)) is None
    assert engaged(event(author=robot, mentioned=True)) is not None


def test_what_another_bot_says_where_an_agent_takes_part_is_context_unless_bots_count_for_nothing() -> None:
    said = event(author=Author("B1", is_bot=True), address=THREAD)
    found = engaged(said, agent="helper")
    assert found is not None
    assert (found.agent, found.trigger, found.engages) == ("helper", False, False)
    assert engaged(said, Route(bots="never"), agent="helper") is None
    assert engaged(replace(said, event_class=EventClass.COMMAND), agent="helper") is None


@pytest.mark.parametrize(
    ("rule", "text", "mentioned", "wakes"),
    [
        (Route(engage="always", bots="always"), "[FIRING:1] disk full on db-3", False, True),
        (Route(engage="pattern", pattern="FIRING", bots="always"), "[FIRING:1] disk full", False, True),
        (Route(engage="pattern", pattern="FIRING", bots="always"), "[RESOLVED] disk full", False, False),
        (Route(engage="always"), "[FIRING:1] disk full on db-3", False, False),
        (Route(engage="always"), "@dovecote look", True, True),
        (Route(engage="always", bots="never"), "@dovecote look", True, False),
    ],
)
def test_each_route_says_when_other_bots_wake_its_agent(
    rule: Route, text: str, mentioned: bool, wakes: bool
) -> None:  # route_alert_bot_always
    alert = event(author=Author("B0ALERT", "alertmanager", is_bot=True), text=text, mentioned=mentioned)
    assert (engaged(alert, rule) is not None) is wakes


def test_the_first_route_that_fits_decides_and_none_means_ignored() -> None:
    rules = [Route(platform="slack", channel="C1", agent="a"), Route(agent="b")]
    assert getattr(route(event(mentioned=True), rules, None), "agent", "") == "a"
    assert isinstance(route(event(mentioned=True), [Route(platform="discord")], None), Ignore)


@pytest.mark.parametrize(
    ("access", "author", "standing", "allowed", "trusted"),
    [
        (Access(unknown="allow"), Author("U1"), "", True, False),
        (Access(), Author("U1"), "", False, False),
        (Access(), Author(""), "", False, False),
        (Access(unknown="allow"), Author("U1", external=True), "", False, False),
        (Access(unknown="allow", external="allow"), Author("U1", external=True), "", True, False),
        (Access(owners=("slack:U1",)), Author("U1", external=True), "denied", True, True),
        (Access(unknown="deny"), Author("U1"), "", False, False),
        (Access(unknown="deny"), Author("U1"), "allowed", True, False),
        (Access(unknown="deny", users=("slack:U1",)), Author("U1"), "", True, True),
        (Access(unknown="deny", users=("discord:U1",)), Author("U1"), "", False, False),
        (Access(unknown="deny", groups=("slack:S1",)), Author("U1", groups=("S1",)), "", True, True),
        (Access(unknown="allow", channels=("slack:C2",)), Author("U1"), "", False, False),
        (Access(unknown="allow"), Author("U1"), "denied", False, False),
    ],
)
def test_access_is_decided_in_one_place(
    access: Access, author: Author, standing: str, allowed: bool, trusted: bool
) -> None:
    found = decide(access, event(author=author), standing)
    assert isinstance(found, Allowed) is allowed
    assert getattr(found, "trusted", False) is trusted


def test_an_unknown_person_may_be_referred_to_an_owner() -> None:
    found = decide(Access(unknown="ask"), event(), "")
    assert isinstance(found, Denied)
    assert found.ask_owner


def test_one_event_has_one_key_and_classes_never_collide() -> None:
    assert event().key == event(text="edited", mentioned=True).key
    keys = {event(event_class=one).key for one in EventClass}
    assert len(keys) == len(EventClass)


# ── what owners decide about a channel, and what programs send ──────────────────────────────────────────────


@pytest.mark.parametrize(
    ("decided", "agent", "engage"),
    [
        (None, "helper", "pattern"),
        (ChannelRules(), "helper", "pattern"),
        (ChannelRules(agent="poet"), "poet", "pattern"),
        (ChannelRules(engage="always"), "helper", "always"),
        (ChannelRules(engage="off"), "helper", "off"),
        (ChannelRules("poet", "mention"), "poet", "mention"),
    ],
)
def test_what_an_owner_decided_stands_above_the_route(
    decided: ChannelRules | None, agent: str, engage: str
) -> None:
    found = rule_of(CHANNEL, [Route(agent="helper", engage="pattern", pattern="x")], decided)
    assert found is not None
    assert (found.agent, found.engage, bool(found.pattern)) == (agent, engage, engage == "pattern")


def test_a_channel_without_a_route_is_opened_only_by_naming_agent_and_time() -> None:
    elsewhere = [Route(channel="C2")]
    for decided in (None, ChannelRules(agent="poet"), ChannelRules(engage="always")):
        assert rule_of(CHANNEL, elsewhere, decided) is None
    assert rule_of(CHANNEL, elsewhere, ChannelRules("poet", "always")) == Route(agent="poet", engage="always")


def test_an_engaged_thread_keeps_its_agent_but_not_when_agents_are_off() -> None:
    again = event(address=THREAD)
    found = route(again, [Route()], "helper", ChannelRules(agent="poet"))
    assert isinstance(found, Engage)
    assert found.agent == "helper"
    assert isinstance(route(again, [Route()], "helper", ChannelRules(engage="off")), Ignore)


def test_who_is_called_by_name_is_meant_alone_but_a_thread_is_one_agents() -> None:
    rules = [Route(agent="helper", engage="always")]
    found = route(event(), rules, None, called="poet")
    assert isinstance(found, Engage)
    assert (found.agent, found.trigger, found.engages) == ("poet", True, True)
    there = route(event(address=THREAD), rules, "helper", called="poet")
    assert isinstance(there, Engage)
    assert there.agent == "helper"
    assert isinstance(route(event(remark=True), [Route()], None, called="poet"), Ignore)
    assert isinstance(route(event(), [Route(engage="off")], None, called="poet"), Ignore)


def test_who_serves_a_channel_is_whom_a_route_or_an_owner_brings_there() -> None:
    routes = [
        Route(channel="C1", agent="a"),
        Route(agent="b"),
        Route(agent="c", engage="off"),
        Route(channel="C2", agent="d"),
    ]
    known = ["d", "c", "b", "a", "e"]
    assert serving(known, CHANNEL, routes, routes[0]) == ["b", "a"]
    assert serving(known, CHANNEL, routes, rule_of(CHANNEL, routes, ChannelRules(agent="e"))) == [
        "b",
        "a",
        "e",
    ]
    assert serving(known, CHANNEL, [], None) == []


def test_a_webhook_needs_no_mention_and_answers_in_the_place_it_names() -> None:
    hook = event(event_class=EventClass.WEBHOOK, opens_thread="", agent="watch")
    for session in ("thread", "channel", "user"):
        found = engaged(hook, Route(session=session))
        assert found is not None
        assert (found.agent, found.session, found.answer) == ("watch", CHANNEL, CHANNEL)
    assert engaged(hook, Route(engage="off")) is None

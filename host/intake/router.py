"""Which agent and which session an event belongs to: a pure function of the event and the rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from host.config import Route, patterns
from host.governance.rules import fits
from host.ports.controls import ChannelRules
from host.ports.events import Author, EventClass, InboundEvent
from host.words import mark
from sessiondb.records import Address


@dataclass(frozen=True, slots=True)
class Engage:
    """The event belongs to this session of this agent."""

    agent: str
    session: Address  # names the session
    answer: Address  # where the answer goes
    trigger: bool
    engages: bool  # from now on the thread needs no mention


@dataclass(frozen=True, slots=True)
class Ignore:
    reason: str


def route(
    event: InboundEvent,
    routes: Sequence[Route],
    engaged_agent: str | None,
    decided: ChannelRules | None = None,
    continued: Address | None = None,
    called: str = "",
) -> Engage | Ignore:
    """`engaged_agent` takes part in the event's thread already; None when nobody does. What another bot says there
    without the right to wake it is context: people see it, too.

    `continued` names the session that the thread goes on with, where that is not the thread's own.
    `called` is the agent whose name stands in front: it alone is meant, but where another takes part in the thread.
    `decided` is what an owner decided about the channel, over the routes.
    """
    rule = rule_of(event.address, routes, decided)
    if rule is None:
        return Ignore(mark("no route covers this channel"))
    if rule.engage == "off":
        return Ignore(mark("agents are switched off in this channel"))
    unasked = event.author.is_bot and not _bot_may_wake(event, rule)
    if unasked and not (engaged_agent and rule.bots == "mention" and event.event_class is EventClass.MESSAGE):
        return Ignore(
            "another bot's message" if rule.bots == "never" else "another bot's message without a mention"
        )
    addressed = (bool(called) or _addressed(event, rule)) and not event.remark and not unasked
    if engaged_agent is None and not addressed:
        return Ignore(mark("not addressed to an agent"))
    agent = event.agent or engaged_agent or called or rule.agent
    answer = _answer_address(event, rule)
    about_another = event.event_class in (EventClass.EDIT, EventClass.DELETE, EventClass.REACTION)
    return Engage(
        agent=agent,
        session=continued or _session_address(event, rule, answer),
        answer=answer,
        trigger=not about_another and not event.remark and not unasked,
        engages=bool(answer.thread_id) and addressed,
    )


def _bot_may_wake(event: InboundEvent, rule: Route) -> bool:
    return rule.bots == "always" or (rule.bots == "mention" and event.mentioned)


def as_wanted(found: Engage, wanted: Literal["off", "context", "wake"], by: Author) -> Engage | Ignore:
    """A reaction, as far as the agent wants them."""
    if wanted == "off":
        return Ignore(mark("its agent wants no reactions"))
    # Two bots that react to each other would go on for ever.
    return replace(found, trigger=wanted == "wake" and not by.is_bot)


def rule_of(address: Address, routes: Sequence[Route], decided: ChannelRules | None = None) -> Route | None:
    """The rule that holds in the channel; None when no route covers it and no owner opened it either."""
    rule = next((rule for rule in routes if fits(rule, address)), None)
    if decided is None:
        return rule
    if rule is None:
        return Route(agent=decided.agent, engage=decided.engage) if decided.agent and decided.engage else None
    changed: dict[str, str] = {"agent": decided.agent} if decided.agent else {}
    if decided.engage:
        changed |= {"engage": decided.engage, "pattern": ""}
    return rule.model_copy(update=changed)


def serving(
    agents: Iterable[str], address: Address, routes: Sequence[Route], rule: Route | None
) -> list[str]:
    """The agents that some route brings to the channel, or an owner (`rule` is what holds there): the first route decides who
    answers, not who may."""
    named = {route.agent for route in routes if route.engage != "off" and fits(route, address)}
    named |= {rule.agent} if rule is not None else set()
    return [name for name in agents if name in named]


def _addressed(event: InboundEvent, rule: Route) -> bool:
    if event.mentioned or event.privacy == "dm" or event.event_class is EventClass.WEBHOOK:
        return True
    if event.event_class in (EventClass.COMMAND, EventClass.CONTROL, EventClass.ANSWER) and not event.typed:
        return True
    if rule.engage == "always":
        return True
    return rule.engage == "pattern" and patterns.found(rule.pattern, event.text[:4_000])


def _answer_address(event: InboundEvent, rule: Route) -> Address:
    """In the thread that asked; a channel message opens a thread unless the whole channel is one session."""
    if (
        event.address.thread_id
        or not event.opens_thread
        or rule.session == "channel"
        or event.privacy == "dm"
    ):
        return event.address
    return event.address._replace(thread_id=event.opens_thread)


def _session_address(event: InboundEvent, rule: Route, answer: Address) -> Address:
    if rule.session == "channel":
        return answer._replace(thread_id="")
    by_user = rule.session == "user" and event.event_class is not EventClass.WEBHOOK
    if by_user and event.privacy != "dm":
        return answer._replace(thread_id=f"user:{event.author.id}")
    return answer

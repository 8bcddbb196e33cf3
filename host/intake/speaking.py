"""What a message must be to begin a turn: it says something, and people still take part. Jobs on the connection."""

from __future__ import annotations

from dataclasses import replace

from host.config import Config, provider
from host.governance import narrowing, rules
from host.intake import inbox, router
from host.intake.called import agent as by_its_name
from host.intake.router import Engage
from host.ports import commands
from host.ports.controls import ChannelRules
from host.ports.events import EventClass, InboundEvent
from host.registry import notices, zones
from host.registry.notices import Notice
from host.registry.port import Statements
from host.words import say
from sessiondb import Address

EMPTY = "it says nothing but the agent's name"
HELP = say("What can I do for you? Write it behind my name, or as a reply here.")
BRAKE_TOLD = say("Six messages of bots in a row: I say nothing more here until a person writes.")
LONGEST_TEXT = 1_100_000  # characters of one message; what is beyond is cut, with a note in the text
MOST_IN_A_ROW = 6  # turns that bots begin in one conversation without a person's word


def zoned(connection: Statements, event: InboundEvent, otherwise: str) -> InboundEvent:
    """With the zone that its author said is theirs, where the platform tells none."""
    if event.author.zone:
        return event
    zone = zones.of(connection, event.address, event.author.id) or otherwise
    return replace(event, author=replace(event.author, zone=zone)) if zone else event


def called(event: InboundEvent, config: Config, decided: ChannelRules | None) -> str:
    """The agent that a person calls by name in a channel which several serve; '' for none."""
    if event.event_class is not EventClass.MESSAGE or event.author.is_bot or event.privacy == "dm":
        return ""
    rule = router.rule_of(event.address, config.routes, decided) if event.opening else None
    if rule is None or not rule.by_name:
        return ""
    here = router.serving(config.agents, event.address, config.routes, rule)
    names = {name: (name, config.agents[name].name) for name in here if config.agents[name].by_name}
    return by_its_name(event.opening, names) if len(here) > 1 else ""


def as_said(connection: Statements, event: InboundEvent) -> InboundEvent:
    """An edit that names the bot for the first time is the message itself, if none was taken in before.

    It has the message's own key then, so that a history that brings the message again brings a duplicate.
    """
    if event.event_class is not EventClass.EDIT or not event.mentioned:
        return event
    said = replace(event, event_class=EventClass.MESSAGE, natural_id=event.platform_message_id)
    known = inbox.find(connection, said.key)
    if known is None or (known.reason == EMPTY and inbox.forget_declined(connection, said.key)):
        return said
    return event


def by_model(
    connection: Statements, event: InboundEvent, config: Config, to: Engage
) -> tuple[InboundEvent, Notice | None]:
    """What is asked of one model, `!opus why …`, and answered in a turn of its own; or a line that says why not.

    A word that names no model of any agent is the author's own, and means nothing here.
    """
    event = replace(event, opening="") if event.opening else event  # used: what they wrote lies in one place
    word, rest = commands.marked(event.text)
    speaks = event.event_class in (EventClass.MESSAGE, EventClass.COMMAND, EventClass.EDIT)
    if not (speaks and word) or event.author.is_bot or not (rest or event.parts or event.files):
        return event, None
    offered = {name: provider.choices(one) for name, one in config.agents.items()}
    agent, decided = config.agents.get(to.agent), rules.of_channel(connection, event.address)
    here = narrowing.models_of(agent, decided) if agent is not None else ()
    if model := provider.named(word, here):
        return replace(event, text=rest, model=model, queued=True), None
    elsewhere = [model for models in offered.values() for model in models]
    if not provider.named(word, elsewhere):
        return event, None
    why = provider.not_offered(word, here)
    return event, Notice(f"model:{event.message_id}", to.answer, why, answers=event.platform_message_id)


def bot_may_go_on(connection: Statements, session_id: str) -> tuple[bool, bool]:
    """Counts one more turn that a bot begins: whether it may, and whether that is the first that may not."""
    [(turns,)] = connection.execute(
        "INSERT INTO bots_in_a_row VALUES (?, 1)"
        " ON CONFLICT (session_id) DO UPDATE SET turns = bots_in_a_row.turns + 1 RETURNING turns",
        (session_id,),
    ).fetchall()
    return turns <= MOST_IN_A_ROW, turns == MOST_IN_A_ROW + 1


def braked(connection: Statements, event: InboundEvent, answer: Address, session_id: str, now: int) -> bool:
    """Two bots that answer each other would go on for ever: a line says once that they are not answered any more."""
    goes_on, first = bot_may_go_on(connection, session_id)
    if first:
        notices.add(connection, Notice(f"bots:{event.message_id}", answer, BRAKE_TOLD), now)
    return not goes_on


def person_spoke(connection: Statements, session_id: str) -> None:
    connection.execute("DELETE FROM bots_in_a_row WHERE session_id = ?", (session_id,))


def within_limits(event: InboundEvent) -> InboundEvent:
    """Overlong text cut with a note."""
    if len(event.text) <= LONGEST_TEXT:
        return event
    cut = f"{event.text[:LONGEST_TEXT]}\n[cut: the message had {len(event.text)} characters]"
    return replace(event, text=cut)

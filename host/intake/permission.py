"""Whether an event is let in: by the configuration's lists, by what owners decided, and by whom its channel lets ask."""

from __future__ import annotations

from host.config import Config, people
from host.governance import access, rules
from host.governance.access import Allowed, Denied
from host.ports.events import EventClass, InboundEvent
from host.registry.port import Statements
from host.words import say

GONE = say("The agent of this conversation is not set up any more.")


def of(connection: Statements, config: Config, event: InboundEvent, agent: str) -> Allowed | Denied:
    permission = _by_lists(connection, config, event, agent)
    if isinstance(permission, Allowed) and agent not in config.agents:
        return Denied(GONE)
    return permission


def _by_lists(connection: Statements, config: Config, event: InboundEvent, agent: str) -> Allowed | Denied:
    """A deletion needs none: it takes away what was let in, and platforms do not say who deleted. A webhook has its
    signature, and where it goes is the configuration's."""
    if event.event_class in (EventClass.DELETE, EventClass.WEBHOOK):
        return Allowed(trusted=False)
    standing = access.standing_of(connection, event.address, event.author.id)
    permission = access.decide(config.access, event, standing)
    if isinstance(permission, Denied) or _approves(config, event, agent):
        return permission
    decided = rules.of_channel(connection, event.address)
    if decided is not None and not access.asks_here(config.access, event, decided.askers):
        return Denied(access.NOT_HERE)
    return permission


def _approves(config: Config, event: InboundEvent, agent: str) -> bool:
    """Whoever may allow a tool's call is asked, and asks nothing."""
    found = config.agents.get(agent)
    return (
        event.event_class is EventClass.ANSWER
        and found is not None
        and event.author.id in people.there(found.rules_of_approval.approvers, *event.address[:2])
    )

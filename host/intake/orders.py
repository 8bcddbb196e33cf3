"""What of a message is an order to the host: read by the one grammar, for every platform alike (law 4)."""

from __future__ import annotations

from dataclasses import replace

from host.ports import commands
from host.ports.commands import Grammar, Order, Slip
from host.ports.events import EventClass, InboundEvent

SUMMARISE = (  # what `!summary` asks of the agent
    "Sum up what was said here so far, in the language it was said in: what it is about, what was decided, what is open"
    " and with whom. Keep it short, and leave out what I ask you now."
)


def obeyed(event: InboundEvent, grammar: Grammar) -> InboundEvent:
    """A message as the order in it wants it: one to the host, a remark, or one that waits its turn.

    What is nearly an order becomes a CONTROL `commands.UNCLEAR`, whose text says what is wrong with it. Other programs
    are never asked what they meant, and have nothing to be shown. A message that was changed is read as it was before it:
    the word that made it wait is no word of its author's to the agent, and nothing is obeyed a second time.
    """
    if (
        event.event_class is EventClass.COMMAND and event.value in commands.SAID
    ):  # as the platform has it behind a slash
        return _said(replace(event, value=""), Order(event.value, event.text)) or event
    if event.event_class not in (EventClass.MESSAGE, EventClass.EDIT):
        return event
    found = grammar.typed(event.text)
    if found is None or (event.author.is_bot and (isinstance(found, Slip) or found.name in commands.SHOWN)):
        return event
    if not isinstance(found, Slip) and (said := _said(event, found)) is not None:
        return said
    if event.event_class is EventClass.EDIT:
        return event
    if isinstance(found, Slip):
        return _order(event, commands.UNCLEAR, found.why)
    return _order(event, found.name, found.rest)


def _said(event: InboundEvent, found: Order) -> InboundEvent | None:
    """What is said to the agent all the same, without the word before it."""
    if found.name == commands.ASIDE:
        return replace(event, text=found.rest, remark=True)
    if found.name == commands.QUEUE:
        return replace(event, text=found.rest, queued=True)
    if found.name == commands.SUMMARY:
        return replace(event, text=f"{SUMMARISE} {found.rest}".strip(), queued=True)
    return None


def _order(event: InboundEvent, name: str, text: str) -> InboundEvent:
    return replace(event, event_class=EventClass.CONTROL, value=name, text=text, typed=True)

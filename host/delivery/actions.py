"""System actions: what the agent asks the host to change. Applied in the transaction that records their receipt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from host.inbound import InboundWriter, NewMessage
from sessiondb import content
from sessiondb.records import Address


class ActionError(Exception):
    """The action is refused; the text is for the agent."""


Handler = Callable[[InboundWriter, str, dict[str, Any], Address], str]


class Actions:
    """Handlers by name: each gets the session's writer, the row's id, the arguments and the address; returns a text."""

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._handlers: dict[str, Handler] = {}

    def register(self, name: str, handler: Handler) -> None:
        self._handlers[name] = handler

    def apply(self, writer: InboundWriter, row_id: str, action: content.Action, address: Address) -> None:
        """Always answers with a `system` message, so the agent learns of success and failure."""
        handler = self._handlers.get(action.name)
        try:
            if handler is None:
                raise ActionError(f"there is no action {action.name[:50]!r}")
            text, ok = handler(writer, row_id, action.arguments, address), True
        except ActionError as error:
            text, ok = str(error), False
        told = content.System("action", text, ok=ok, refers_to=row_id)
        writer.insert(
            NewMessage(f"{row_id}:result"[:190], "system", address, told, self._now(), trigger=False)
        )

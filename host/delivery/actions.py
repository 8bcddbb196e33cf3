"""System actions: what the agent asks the host to change. Applied in the transaction that records their receipt.

An action may need work before that transaction (law 12: an index in another file is written first), so it is prepared
outside of it: `prepared` yields the handler, and ends after the commit. A crash in between prepares again.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from host.mailbox.inbound import InboundWriter
from host.registry.sessions import Session
from sessiondb import SessionError, content
from sessiondb.records import Address, MessageIn

log = logging.getLogger(__name__)


class ActionError(Exception):
    """The action is refused; the text is for the agent."""


@dataclass(frozen=True, slots=True)
class Asked:
    """An action in a row of a session's outbound.db."""

    row_id: str
    action: content.Action
    address: Address
    origin: MessageIn | None  # the message during whose turn it was asked for


Handler = Callable[[InboundWriter], str]  # returns a text for the agent, '' for none, or raises `ActionError`
Prepare = Callable[[Session, Asked], AbstractAsyncContextManager[Handler]]


class Actions:
    """`known`: what prepares handlers, by the action's name. `again`: those that, done a second time, are done once."""

    def __init__(self, known: Mapping[str, Prepare], again: Collection[str] = ()) -> None:
        self._known = known
        self._again = frozenset(again)

    def bears(self, action: content.Action) -> bool:
        """Whether it may be done once more, where nobody knows whether it was."""
        return action.name in self._again

    @asynccontextmanager
    async def prepared(self, session: Session, asked: Asked) -> AsyncIterator[Handler]:
        prepare = self._known.get(asked.action.name)
        if prepare is None:
            yield refusing(f"there is no action {asked.action.name[:50]!r}")
            return
        async with AsyncExitStack() as stack:
            try:
                handler = await stack.enter_async_context(prepare(session, asked))
            except SessionError:
                raise  # read again at the next tick
            except Exception:  # a fault of ours must not hold up what the session wrote behind it
                log.exception(
                    "An action could not be prepared",
                    extra={"action": "action_failed", "session": session.id, "asked": asked.action.name[:50]},
                )
                handler = refusing(
                    "the host could not do it because of a fault of its own; its log says more"
                )
            yield handler

    def apply(self, writer: InboundWriter, row_id: str, handler: Handler, address: Address) -> None:
        """Answers with a `system` message, so the agent learns of success and failure; '' leaves nothing to be learnt."""
        try:
            text, ok = handler(writer), True
        except ActionError as error:
            text, ok = str(error), False
        if not text:
            return
        told = content.System("action", text, ok=ok, refers_to=row_id)
        writer.note(content.result_id(row_id), address, told)


def refusing(reason: str) -> Handler:
    def handler(_: InboundWriter) -> str:
        raise ActionError(reason)

    return handler

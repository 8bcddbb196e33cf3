"""Orders of people that come while nothing runs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from runner import doings
from runner.claims import Claims
from runner.outbound import Emitted, OutboundWriter
from sessiondb import content
from sessiondb.records import MessageIn


class Orders:
    """`forget` archives the conversation and ends it; `ring` tells the host to look."""

    def __init__(
        self, claims: Claims, outbound: OutboundWriter, forget: Callable[[], None], ring: Callable[[], None]
    ) -> None:
        self._claims = claims
        self._outbound = outbound
        self._forget = forget
        self._ring = ring

    def obey(self) -> None:
        """Control messages that come while nothing runs. What was interrupted, or waits for another try, is stopped too.

        The last turn ends with the order, in one commit: a crash before leaves the order to be obeyed again.
        """
        for message, control in self._claims.controls():
            if control.command == "stop":
                self._stop_what_rests(message)
                continue
            text = "Nothing is running."
            if control.command == "clear":
                self._forget()
                text = "Forgotten. We start afresh."
            self._obeyed(message, text, f"{message.id}-control")

    def _stop_what_rests(self, order: MessageIn) -> None:
        """Ends the turns that do not run, and what people asked and nobody has begun."""
        text, turn_id, stopped = "Nothing is running.", f"{order.id}-control", list[str]()
        unbegun = self._claims.unbegun(order)
        if unbegun:
            text = "Stopped before I had begun."
        if ended := self._claims.stopped_by(order):
            text = doings.stopped([step for id_ in ended for step in self._outbound.steps(id_)])
            *others, (turn_id, stopped) = ended.items()
            for other, ids in others:
                self._outbound.finish_turn(other, (), ids, ())
        self._obeyed(order, text, turn_id, stopped, unbegun)

    def _obeyed(
        self,
        order: MessageIn,
        text: str,
        turn_id: str,
        stopped: Sequence[str] = (),
        unbegun: Sequence[MessageIn] = (),
    ) -> None:
        """`stopped` has its claim already; whatever the order ends is acknowledged with it."""
        self._outbound.claim([order, *unbegun], f"{order.id}-control")
        answer = Emitted(f"{order.id}:obeyed", content.Text(text), order.id)
        consumed = [order.id, *stopped, *(message.id for message in unbegun)]
        self._outbound.finish_turn(turn_id, [answer], consumed, ())
        self._ring()

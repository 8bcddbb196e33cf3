"""Which runner may take up what stands in inbound.db: the one that was assigned last, while it has the session's folder."""

from __future__ import annotations

import hashlib

from host.mailbox.inbound import InboundWriter

INCARNATION, SCOPE = "incarnation", "scope"  # values of the session


def assign(writer: InboundWriter, incarnation: str, scope: str) -> None:
    """Before a start, within its transaction."""
    writer.set_value(INCARNATION, incarnation)
    writer.set_value(SCOPE, _mark(scope))


def keep_out(writer: InboundWriter, scope: str) -> None:
    """Whoever was assigned for another scope takes up nothing any more, be it that nobody can end it: its next commit finds
    that it was replaced. A crash before this leaves it to whoever opens the file next."""
    if writer.value(SCOPE) not in ("", _mark(scope)):
        with writer.writing():
            assign(writer, "", scope)


def _mark(scope: str) -> str:
    """In its place: it may name a person, who may be forgotten."""
    return hashlib.sha256(scope.encode()).hexdigest()[:16]

"""That something was masked in what an agent posts: owed to host.db in the commit of the intents, and an entry of its audit once.

A crash before that commit leaves nothing, and the row is read again; after it the session's file owes the entry until host.db
has it, and what host.db has already counts once.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from host.governance import audit, masking
from host.mailbox.inbound import InboundWriter
from host.ports import figures
from host.registry.port import Registry
from host.registry.sessions import Session
from sessiondb import content
from sessiondb.records import Address

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Shown:
    """An operation as it is carried out."""

    operation: content.Operation
    mentions: Sequence[str]  # whom it notifies
    masked: Mapping[str, int]  # how many secrets which rule found in it


def owe(
    writer: InboundWriter,
    row_id: str,
    answers: str,
    agent: str,
    address: Address,
    counts: Counter[str] | Mapping[str, int],
    now: int,
) -> None:
    """`answers`: the message whose answer it is, or is a part of. In the caller's transaction."""
    if counts:
        kept = {"agent": agent, "address": address, "counts": dict(counts), "at": now}
        writer.owe(f"{audit.MASKED}{answers}:{row_id}", json.dumps(kept))


def is_owed(about: str) -> bool:
    return about.startswith(audit.MASKED)


async def record(db: Registry, session: Session, about: str, owed: str) -> None:
    kept = json.loads(owed)
    counts, agent, address = kept["counts"], str(kept["agent"]), Address(*kept["address"])
    detail = masking.told(counts)
    if await db.write(lambda c: audit.masked(c, about, agent, address, detail, int(kept["at"]))):
        for rule, count in counts.items():
            figures.MASKED.labels(agent, rule).inc(count)
        log.warning(
            "Masked in a post: %s",
            detail,
            extra={"action": "secrets_masked", "session": session.id, "agent": agent},
        )

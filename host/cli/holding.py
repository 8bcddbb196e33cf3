"""A database that was put back by its own tools: held, as a restored data folder is, until `dovecote resume`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from host.cli import forgetting as marks
from host.cli import listing
from host.cli.ending import NothingFoundError
from host.cli.listing import now_ms, utc
from host.config import Config
from host.registry import forgetting, nodes, resumption
from host.registry.extra import visiting

ALONE = "[cluster] names no database: `dovecote restore` puts back what is in a data folder, and holds it"


def hold(config: Config, moment: str, forgotten: Path | None) -> None:
    """`moment`: at which the copy was begun, ISO 8601. Raises `NothingFoundError`, `OSError`, `SessionError`."""
    if config.cluster is None:
        raise NothingFoundError(ALONE)
    made_at, now = _at(moment), now_ms()
    if made_at > now:
        raise NothingFoundError(f"{utc(made_at)} is to come: name the moment at which the copy was begun")
    known = marks.read(forgotten) if forgotten is not None else {}
    with visiting().writing(config.cluster.database, whole=True) as registry:
        nodes.decide(registry)
        if serving := [one.name for one in nodes.seen(registry) if one.serves]:
            raise NothingFoundError(f"{', '.join(serving)} serves from it: stop all nodes first")
        resumption.hold(registry, made_at, now)
        for mark, at in known.items():
            forgetting.remember(registry, mark, at)
        forgetting.look(registry)
        [(waiting,)] = registry.execute(_WAITING).fetchall()
        [(missed,)] = registry.execute(_MISSED, (made_at, now)).fetchall()
        [(begun,)] = registry.execute(_BEGUN).fetchall()
    listing.say("Held: no node hears or says anything before `dovecote resume`. Then")
    listing.say(
        f"- {waiting} messages that were not answered are answered; some may have been, after {utc(made_at)}"
    )
    listing.say(f"- {missed} scheduled tasks have missed a time since, and do what they say for that")
    listing.say(f"- {begun} posts are looked up on their platform, and said only if they are not there")
    listing.say("- what people said since is not answered; `dovecote resume --answer` changes that")
    if known:
        listing.say(f"- {len(known)} people were forgotten since, and are at the next start")


def _at(moment: str) -> int:
    try:
        found = datetime.fromisoformat(moment)
    except ValueError as error:
        raise NothingFoundError(f"{moment!r} is no moment: name one like 2026-11-30T06:00Z") from error
    return int((found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp() * 1000)


_WAITING = "SELECT count(*) FROM inbox WHERE state = 'routed'"
_MISSED = "SELECT count(*) FROM due WHERE at BETWEEN ? AND ?"
_BEGUN = """
SELECT count(*) FROM sessions JOIN ledger ON ledger.session_id = sessions.id
WHERE sessions.busy = 1 AND ledger.state IN ('pending', 'sending', 'unknown')
"""

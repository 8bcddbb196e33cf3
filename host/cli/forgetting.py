"""`dovecote forget`: the running host does it, or the next one; and the marks that a restore of an earlier backup takes."""

from __future__ import annotations

import getpass
import json
from contextlib import closing
from pathlib import Path

from host.cli import listing, ordering
from host.cli.ending import NothingFoundError
from host.cli.listing import now_ms
from host.config import crossing
from host.folders import lock
from host.registry import forgetting, orders
from host.registry.db import open_registry
from host.registry.forgetting import Person
from host.registry.where import noted
from sessiondb.errors import translated

LATER = "no host runs here: it will be done when one starts"


def named(data: Path, name: str) -> Person:
    """Who was never here is forgotten as well; but an id that nobody can have is a slip, and "forgotten" would be a lie. One that
    several workspaces may have given to different people says not who is meant.

    Raises `NothingFoundError`, `SessionError`.
    """
    person = forgetting.parsed(name)
    if person is None or (problem := crossing.no_person(str(person))):
        raise NothingFoundError(
            problem if person else f"{name!r} names nobody: write platform:id, such as slack:U012AB3CD"
        )
    if not (data / "host.db").exists() and not noted(data):
        return person
    with closing(open_registry(data)) as registry, translated(data / "host.db"):
        known = forgetting.meant(registry, person)
    if len(known) > 1:
        meant = ", ".join(map(str, known))
        raise NothingFoundError(f"{name!r} may be somebody else in each workspace: write {meant}")
    return known[0]


def forget(data: Path, person: Person) -> bool:
    """Whether it is done, or will be. Raises `SessionError`."""
    body = json.dumps({"person": str(person), "by": getpass.getuser()})
    number = orders.give(data / "host.db", "forget", "", now_ms(), body)
    told = ordering.outcome(data, number) if lock.held(data) else LATER
    listing.say(told)
    return not told.startswith(ordering.REFUSED)


def counts(data: Path, person: Person) -> str:
    """What there is to take away. Raises `SessionError`."""
    with closing(open_registry(data)) as registry, translated(data / "host.db"):
        found = forgetting.counted(registry, person)
    return "there is: " + ", ".join(f"{number} {kind}" for kind, number in found.items())


def marks(data: Path) -> str:
    """Raises `SessionError`."""
    with closing(open_registry(data)) as registry:
        return json.dumps(forgetting.remembered(registry))


def read(file: Path) -> dict[str, int]:
    """Raises `NothingFoundError`, `OSError`."""
    try:
        found = json.loads(file.read_text("utf-8"))
        return {str(mark): int(at) for mark, at in found.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise NothingFoundError(f"{file} is not what `dovecote forget --list` prints") from error

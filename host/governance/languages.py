"""In which language the host speaks at a place.

A channel: as an owner decided, else as its route says. A direct message: as the person's platform says that they read. Else the
installation's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from host.config.settings import Settings
from host.governance import rules
from host.ports.events import Viewer
from host.registry.port import Registry, Statements
from host.words import ENGLISH, spoken
from sessiondb import SessionError
from sessiondb.records import Address

_DIRECT = "-dm-"
_HOLDS_FOR = 5_000  # ms that it is remembered how a place is spoken to, for what is said often
_MOST_KNOWN = 5_000  # places


@dataclass(frozen=True, slots=True)
class Manners:
    """How an answer is told at a place."""

    language: str
    billed: bool  # with what it took, as far as is known


UNASKED = Manners(ENGLISH, billed=True)


class Languages:
    def __init__(self, settings: Settings, db: Registry, now: Callable[[], int]) -> None:
        self._settings = settings
        self._db = db
        self._now = now
        self._known: dict[Address, tuple[int, Manners]] = {}  # until when, ms UTC

    async def of(self, place: Address, person: str = "") -> str:
        """`person`: the only one who reads it. Where the records cannot be read it is the installation's."""
        try:
            return await self._db.read(lambda connection: self.at(connection, place, person))
        except SessionError:
            return self._settings.config.host.language

    async def lately(self, place: Address) -> str:
        """What it was seconds ago, where it is asked for with each look at a session."""
        return (await self.manners(place)).language

    async def manners(self, place: Address) -> Manners:
        """What they were seconds ago, or since this host changed them."""
        now, place = self._now(), place._replace(thread_id="")
        until, manners = self._known.get(place, (0, None))
        if manners is None or not now < until <= now + _HOLDS_FOR:
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            try:
                manners = await self._db.read(lambda connection: self._manners(connection, place))
            except SessionError:
                manners = Manners(self._settings.config.host.language, billed=True)
            self._known[place] = now + _HOLDS_FOR, manners
        return manners

    def changed(self, channel: Address) -> None:
        """Its settings are others now."""
        self._known.pop(channel._replace(thread_id=""), None)

    async def of_viewer(self, viewer: Viewer) -> str:
        """What they order is answered to them in the language of the place they order it from."""
        if viewer.privacy == "dm" and (found := spoken(viewer.author.locale)):
            return found
        return await self.of(viewer.address, viewer.author.id if viewer.privacy == "dm" else "")

    def at(self, connection: Statements, place: Address, person: str = "") -> str:
        """The same on the connection of a job."""
        if place.platform_id:
            person = _whose(connection, place)
        if person and (found := spoken(_locale(connection, place, person))):
            return found
        decided = rules.of_channel(connection, place) if place.platform_id and not person else None
        if decided is not None and decided.language:
            return decided.language
        config = self._settings.config
        rule = next((rule for rule in config.routes if rules.fits(rule, place)), None)
        return (rule.language if rule is not None else "") or config.host.language

    def _manners(self, connection: Statements, place: Address) -> Manners:
        decided = rules.of_channel(connection, place)
        return Manners(self.at(connection, place), decided is not None and decided.bill)


def _whose(connection: Statements, place: Address) -> str:
    """The person of a direct message, '' of a channel."""
    row = connection.execute(_SCOPE, place[:3]).fetchone()
    before, _, behind = (str(row[0]) if row else "").partition(
        f"{place.channel_type}-{place.workspace_id}{_DIRECT}"
    )
    return behind.rpartition("-")[0] if not before else ""


def _locale(connection: Statements, place: Address, person: str) -> str:
    row = connection.execute(_LOCALE, (*place[:2], person)).fetchone()
    return str(row[0]) if row else ""


_SCOPE = "SELECT scope FROM sessions WHERE channel_type = ? AND workspace_id = ? AND platform_id = ? LIMIT 1"
_LOCALE = "SELECT locale FROM users WHERE channel_type = ? AND workspace_id = ? AND user_id = ?"

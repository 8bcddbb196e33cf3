"""Yeses in advance as people see them: which count here, and how they are taken back."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo

from host.config import Config
from host.governance import access, approvals, audit, grants, words
from host.governance.grants import Grant
from host.ports.controls import Forbidden
from host.ports.events import Viewer
from host.registry.port import Statements
from host.words import Sentence, joined, say

NONE = say(
    "Nobody has allowed a tool in advance here. Whoever is asked about a call can: *Allow here*, *Allow everywhere*."
)
NO_SUCH = say("There is no such permission here any more.")
NOT_YOURS = say("Only who gave it, who may allow such calls, or an owner may take it back.")
HOW = say("`grants` alone lists what is allowed in advance, `grants revoke 2` takes number 2 back.")

_REVOKE = re.compile(r"(?:revoke|remove|delete|end)\s+#?(\d{1,15})")


def meant(text: str) -> int:
    """Which one is to be taken back; 0 for the list. Raises `Forbidden` for what is neither."""
    text = text.strip().lower()
    if text in ("", "list"):
        return 0
    found = _REVOKE.fullmatch(text)
    if found is None:
        raise Forbidden(HOW)
    return int(found[1])


def listed(connection: Statements, config: Config, viewer: Viewer, zone: ZoneInfo, now: int) -> str:
    found = grants.there(connection, viewer.address, now)
    lines = [_line(config, one, zone) for one in found]
    if not lines:
        return NONE
    return joined("\n", [*lines, "", say("`grants revoke` with a number takes one back.")])


def revoke(connection: Statements, config: Config, viewer: Viewer, number: int, now: int) -> str:
    """From the next call on; what was allowed by it stays allowed. Raises `Forbidden`."""
    found = next((one for one in grants.every(connection, now) if one.id == number), None)
    if found is None or not _sees(connection, config, viewer, found, now):
        raise Forbidden(NO_SUCH)
    if not _may(config, viewer, found):
        raise Forbidden(NOT_YOURS)
    grants.revoke(connection, number)
    audit.record(connection, viewer, "revoke_grant", f"{found.told()}, of {found.user}", now)
    return say("Taken back: {grant}. The next call is asked about again.", grant=found.told())


def _sees(connection: Statements, config: Config, viewer: Viewer, found: Grant, now: int) -> bool:
    platform = viewer.address.channel_type
    if platform == access.LOCAL or _gave(viewer, found):
        return True
    same = (found.place.channel_type, found.place.workspace_id) == viewer.address[:2]
    owner = same and access.is_owner(config.access, viewer.address, viewer.author.id)
    return owner or found in grants.there(connection, viewer.address, now)


def _may(config: Config, viewer: Viewer, found: Grant) -> bool:
    user = viewer.author.id
    own = _gave(viewer, found) or access.is_owner(config.access, viewer.address, user)
    return own or user in approvals.named(config, found.agent, viewer.address)


def _gave(viewer: Viewer, found: Grant) -> bool:
    return access.person(viewer.address, viewer.author.id) == found.user


def _line(config: Config, one: Grant, zone: ZoneInfo) -> Sentence:
    return say(
        "- **{number}**: `{tool}` of {agent} {where}, by {person}, until {time}",
        number=one.id,
        tool=one.tool,
        agent=words.name(config.called(one.agent)),
        where=say("in one conversation") if one.here else say("everywhere"),
        person=words.name(one.name) or one.by,
        time=words.moment(one.ends_at, zone),
    )

"""What owners decide and look up: requests, access, channels, what failed, and who changed what."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from aiohttp import web

from host.config import people
from host.controls import channels
from host.controls.reloading import Reloading
from host.governance import audit, requests, rules, words
from host.governance.access import LOCAL
from host.governance.rules import Engage, Work
from host.ports import money
from host.ports.controls import LONGEST_INSTRUCTIONS, ChannelRules, Forbidden
from host.registry.port import Statements
from host.web.gate import Visitor
from host.web.page import Page
from host.web.places import where
from host.words import as_it_is, dollars, languages
from sessiondb.options import EFFORTS
from sessiondb.records import Address

MOST_SHOWN = 100
ENGAGES = {"": "as configured", "mention": "when mentioned", "always": "always", "off": "off"}
WORKS = {"": "in verbs", "all": "names of files and commands, too", "none": "only that it works"}
STANDINGS = {"allow": "allowed", "deny": "denied", "forget": ""}


@dataclass(frozen=True, slots=True)
class Request:
    id: str
    at: int
    words: str


@dataclass(frozen=True, slots=True)
class Person:
    id: str  # platform:id
    name: str
    standing: str


@dataclass(frozen=True, slots=True)
class Channel:
    key: str  # the address, as JSON
    where: str
    rules: ChannelRules


@dataclass(frozen=True, slots=True)
class Done:
    number: int
    at: int
    who: str
    where: str
    what: str


@dataclass(frozen=True, slots=True)
class Changed:
    """One version of a channel's settings, in words."""

    number: int
    at: int
    who: str
    before: str
    after: str
    instructions: str  # '' where they are as before


class Owners:
    def __init__(self, page: Page, reloading: Reloading) -> None:
        self._page = page
        self._reloading = reloading
        page.shows("/decisions", self._decisions)
        page.shows("/audit", self._audit)
        page.does("/decide", self._decide)
        page.does("/access", self._access)
        page.does("/rules", self._rules)
        page.shows("/channel", self._channel)
        page.does("/revert", self._revert)
        page.does("/reload", self._reload)

    async def _decisions(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        person, channel = request.query.get("person", ""), request.query.get("channel", "")

        def job(registry: Statements) -> dict[str, object]:
            people, channels = _people(registry, person), _channels(registry, channel)
            return {
                "asked": _open(registry),
                "people": people[:MOST_SHOWN],
                "more_people": people[MOST_SHOWN - 1].id if len(people) > MOST_SHOWN else "",
                "channels": channels[:MOST_SHOWN],
                "more_channels": channels[MOST_SHOWN - 1].key if len(channels) > MOST_SHOWN else "",
            }

        values = await self._page.books.read(job)
        service = self._page.service
        more: dict[str, object] = {
            "agents": service.agents(),
            "models": service.models(),
            "engages": ENGAGES,
            "efforts": EFFORTS,
            "works": WORKS,
            "languages": languages(),
            "longest": LONGEST_INSTRUCTIONS,
        }
        return self._page.html("decisions.html", visitor, values | more)

    async def _audit(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        below = request.query.get("before", "")
        before = int(below) if below.isascii() and below.isdigit() and len(below) < 18 else 2**62
        done = await self._page.books.read(lambda registry: _done(registry, before))
        older = done[-2].number if len(done) > MOST_SHOWN else 0
        return self._page.html("audit.html", visitor, {"done": done[:MOST_SHOWN], "older": older})

    async def _channel(self, request: web.Request, visitor: Visitor) -> web.StreamResponse:
        """Every version of a channel's settings."""
        address = _address(request.query.get("of", ""))

        def job(registry: Statements) -> dict[str, object]:
            versions = [_changed(one) for one in rules.versions(registry, address)]
            return {"where": where(registry, address), "versions": versions}

        values = await self._page.books.read(job)
        return self._page.html("channel.html", visitor, values | {"key": json.dumps(address[:3])})

    # ── forms ────────────────────────────────────────────────────────────────────────────────────────────

    async def _decide(self, _: web.Request, visitor: Visitor, fields: Mapping[str, str]) -> str:
        return await self._page.service.decide(
            visitor.viewer, fields.get("request", ""), fields.get("choice", "")
        )

    async def _access(self, _: web.Request, visitor: Visitor, fields: Mapping[str, str]) -> str:
        person, now = fields.get("person", ""), self._page.now()
        platform, colon, user = person.partition(":")
        if not (platform and colon and user) or len(person) > words.LONGEST_LINE or not person.isprintable():
            raise Forbidden(as_it_is("That names nobody: write platform:id, such as slack:U012AB3CD."))
        if fields.get("verdict") not in STANDINGS:
            raise Forbidden(as_it_is("That is no decision about access."))
        standing = STANDINGS[fields["verdict"]]

        def job(connection: Statements) -> None:
            requests.set_standing(connection, platform, user, standing, now)
            audit.record(connection, visitor.viewer, "access", f"{person} {standing or 'undecided'}", now)

        await self._page.db.write(job)
        return f"{person}: {standing or 'undecided'}"

    async def _rules(self, _: web.Request, visitor: Visitor, fields: Mapping[str, str]) -> str:
        address = _address(fields.get("channel", ""))
        budget = _budget(fields.get("budget", "").strip())
        seen, told = fields.get("version", ""), fields.get("instructions", "")
        wanted = ChannelRules(
            fields.get("agent", ""),
            cast(Engage, fields.get("engage", "")),
            budget,
            fields.get("model", ""),
            told.replace("\r\n", "\n").strip(),
            fields.get("effort", ""),
            _listed(fields.get("tools", "")),
            _listed(fields.get("askers", "")),
            _listed(fields.get("keepers", "")),
            cast(Work, fields.get("work", "")),
            fields.get("bill", "") == "yes",
            fields.get("language", ""),
            _listed(fields.get("choosable", "")),
            version=int(seen) if seen.isascii() and seen.isdigit() and len(seen) < 18 else -1,
        )
        said = await self._page.service.set_rules(visitor.viewer, wanted, address)
        return said.replace("In this channel", "There", 1)

    async def _revert(self, _: web.Request, visitor: Visitor, fields: Mapping[str, str]) -> str:
        number = fields.get("version", "")
        if not (number.isascii() and number.isdigit() and len(number) < 18):
            raise Forbidden(channels.NO_VERSION)
        address = _address(fields.get("channel", ""))
        said = await self._page.service.revert(visitor.viewer, address, int(number))
        return said.replace("In this channel", "There", 1)

    async def _reload(self, _: web.Request, visitor: Visitor, __: Mapping[str, str]) -> str:
        return (await self._reloading.reload(visitor.viewer)).told()


def _changed(one: rules.Version) -> Changed:
    return Changed(
        one.after.version,
        one.at,
        words.name(one.name) or one.user or "somebody",
        channels.recorded(one.before),
        channels.recorded(one.after),
        one.after.instructions if one.after.instructions != one.before.instructions else "",
    )


def _open(registry: Statements) -> list[Request]:
    return [
        Request(str(id_), int(at), _asked(str(kind), json.loads(str(subject))))
        for id_, kind, subject, at in registry.execute(_OPEN, (MOST_SHOWN,))
    ]


def _asked(kind: str, subject: Mapping[str, object]) -> str:
    if kind == "access":
        workspace = str(subject.get("workspace") or "")
        person = people.named(str(subject["platform"]), workspace, str(subject["user"]))
        return f"{words.name(str(subject['name'])) or person} ({person}) asks to talk to agents."
    amount = dollars(int(str(subject["amount"])))
    return f"The budget of {subject['words']} is used up: {amount} more?"


def _people(registry: Statements, beyond: str) -> list[Person]:
    """One more than a page has, beyond one of them."""
    platform, _, rest = beyond.partition(":")
    workspace, _, user = rest.rpartition("/")
    found = registry.execute(_DECIDED, (platform, user, workspace, MOST_SHOWN + 1)).fetchall()
    return [Person(str(id_), words.name(str(name)), str(standing)) for id_, name, standing in found]


def _channels(registry: Statements, beyond: str) -> list[Channel]:
    """Those whose name is known, and those that something was decided about: one more than a page has, beyond one."""
    try:
        after = _address(beyond)[:3]
    except Forbidden:
        after = ("", "", "")
    found = []
    for platform, workspace, channel in registry.execute(
        _CHANNELS, (*after, *after, MOST_SHOWN + 1)
    ).fetchall():
        address = Address(str(platform), str(workspace), str(channel))
        decided = rules.now_of(registry, address)
        found.append(Channel(json.dumps(address[:3]), where(registry, address), decided))
    return found


def _done(registry: Statements, before: int) -> list[Done]:
    """One more than a page has."""
    return [
        Done(
            int(number),
            int(at),
            words.name(str(name)) or str(user),
            "this machine"
            if platform == LOCAL
            else where(registry, Address(str(platform), str(workspace), str(place))),
            f"{str(action).replace('_', ' ')}: {detail}",
        )
        for number, at, user, name, platform, workspace, place, action, detail in registry.execute(
            _AUDIT, (before, MOST_SHOWN + 1)
        ).fetchall()
    ]


def _address(text: str) -> Address:
    try:
        platform, workspace, channel = map(str, json.loads(text))
        f"{platform}{workspace}{channel}".encode()  # JSON can name what is no text
    except (ValueError, TypeError, RecursionError) as error:
        raise Forbidden(as_it_is("That names no channel.")) from error
    return Address(platform, workspace, channel)


def _listed(text: str) -> tuple[str, ...]:
    """Separated by commas: a server's name may have spaces in it."""
    return tuple(dict.fromkeys(one.strip() for one in text.split(",") if one.strip()))


def _budget(text: str) -> float:
    try:
        return money.entered(text) if text else -1.0
    except money.NoAmount as error:
        raise Forbidden(error.text) from error


_OPEN = "SELECT id, kind, subject, created_at FROM requests WHERE choice = '' ORDER BY created_at LIMIT ?"
_DECIDED = (
    f"SELECT {requests.NAMED}, name, standing FROM users WHERE standing <> ''"
    " AND (channel_type, user_id, workspace_id) > (?, ?, ?) ORDER BY channel_type, user_id, workspace_id LIMIT ?"
)
_BEYOND = "(channel_type, workspace_id, platform_id) > (?, ?, ?)"
_CHANNELS = (
    f"SELECT channel_type, workspace_id, platform_id FROM channel_rules WHERE {_BEYOND}"
    f" UNION SELECT channel_type, workspace_id, platform_id FROM places WHERE {_BEYOND} ORDER BY 1, 2, 3 LIMIT ?"
)
_AUDIT = (
    "SELECT id, at, user, name, channel_type, workspace_id, platform_id, action, detail FROM audit WHERE id < ?"
    " ORDER BY id DESC LIMIT ?"
)

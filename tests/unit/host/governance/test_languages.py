"""In which language the host speaks where, and that what was told stays as it was said."""

from __future__ import annotations

from typing import Any

import pytest

from host.config import Config
from host.config.settings import Settings
from host.delivery.ledgers import NoticeLedger
from host.governance import rules
from host.governance.languages import Languages, Manners
from host.ports.bot import Decision
from host.ports.controls import ChannelRules
from host.ports.events import Author, Viewer
from host.registry import notices, sessions
from host.registry.db import HostDB
from host.registry.notices import Notice
from host.words import as_it_is, say
from sessiondb import Address

CHANNEL = Address("slack", "T1", "C1", "1.0")
DIRECT = Address("slack", "T1", "D1")
NOW = 1_800_000_000_000
CONFIG: dict[str, Any] = {
    "host": {"language": "de"},
    "routes": [{"platform": "slack", "channel": "C2", "language": "es"}, {"platform": "*"}],
}


@pytest.fixture
def languages(db: HostDB) -> Languages:
    return Languages(Settings(Config.model_validate(CONFIG)), db, lambda: NOW)


async def test_a_channel_has_what_an_owner_set_else_its_routes_else_the_hosts(
    db: HostDB, languages: Languages
) -> None:
    assert await languages.of(CHANNEL) == "de"
    assert await languages.of(CHANNEL._replace(platform_id="C2")) == "es"
    ann = Viewer(Author("U1", locale="en-US"), CHANNEL)
    await db.write(lambda c: rules.change(c, ann, CHANNEL, ChannelRules(language="ja"), NOW))
    assert await languages.of(CHANNEL) == "ja"
    assert await languages.of_viewer(ann) == "ja"
    assert await db.read(lambda c: rules.of_channel(c, CHANNEL)) == ChannelRules(language="ja")
    [version] = await db.read(lambda c: rules.versions(c, CHANNEL))
    assert version.after.language == "ja"


async def test_how_a_place_is_spoken_to_holds_for_seconds_and_no_longer_than_its_settings(
    db: HostDB, languages: Languages
) -> None:
    ann = Viewer(Author("U1", locale="en-US"), CHANNEL)
    assert await languages.manners(CHANNEL) == Manners("de", billed=False)
    wanted = ChannelRules(language="ja", bill=True)
    await db.write(lambda c: rules.change(c, ann, CHANNEL, wanted, NOW))
    assert await languages.manners(CHANNEL) == Manners("de", billed=False)  # written beside this host
    languages.changed(CHANNEL)
    assert await languages.manners(CHANNEL._replace(thread_id="2.0")) == Manners("ja", billed=True)


async def test_a_direct_message_has_its_persons_by_what_the_platform_said_of_them(
    db: HostDB, languages: Languages
) -> None:
    await db.write(
        lambda c: sessions.upsert(c, "default", DIRECT, sessions.scope_name("dm", DIRECT, "U1"), NOW)
    )
    assert await languages.of(DIRECT) == "de"
    known = "INSERT INTO users (channel_type, workspace_id, user_id, locale, seen_at) VALUES ('slack', 'T1', 'U1', ?, 1)"
    await db.write(lambda c: c.execute(known, ("zh-CN",)).fetchall())
    assert await languages.of(DIRECT) == "zh"
    assert await languages.of(notices.direct("slack", "T1"), "U1") == "zh"
    assert await languages.of(notices.direct("slack", "T1"), "U2") == "de"
    looks = Viewer(Author("U1", locale="es-419"), DIRECT, "dm")
    assert await languages.of_viewer(looks) == "es"
    elsewhere = Viewer(Author("U1", locale="fi-FI"), DIRECT, "dm")  # which is not spoken here
    assert await languages.of_viewer(elsewhere) == "zh"


async def test_a_notice_is_told_once_and_stays_as_it_was_said(db: HostDB, languages: Languages) -> None:
    asked = Decision("r1", (("allow", say("Allow")), ("deny", say("Deny"))))
    lost = say("⚠️ A part of my answer could not be delivered here ({id}).", id="a1")
    made = Notice.decode(Notice("about", CHANNEL, lost, decision=asked).encode())
    written = Notice("other", CHANNEL, as_it_is("Stopping."))
    for notice in (made, written):
        await db.write(lambda c, notice=notice: notices.add(c, notice, NOW))  # type: ignore[misc]
    ledger = NoticeLedger(db, languages, lambda: NOW)
    first, second = await ledger.open()
    assert first.notice.text == "⚠️ Ein Teil meiner Antwort konnte hier nicht zugestellt werden (a1)."
    assert first.notice.decision == Decision("r1", (("allow", "Erlauben"), ("deny", "Ablehnen")))
    assert second.notice.text == "Stopping."
    ann = Viewer(Author("U1"), CHANNEL)
    await db.write(lambda c: rules.change(c, ann, CHANNEL, ChannelRules(language="ja"), NOW))
    assert [one.notice for one in await ledger.open()] == [first.notice, second.notice]

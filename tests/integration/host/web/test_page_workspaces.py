"""Every page and form, by people of one workspace, about what is another's with the same ids: nothing is shown or changed.

Pages and forms are those that the server has: a new one is visited, and a form that nobody says here how to fill in fails.
"""

from __future__ import annotations

import itertools
import json
import re
from pathlib import Path

import apsw
import pytest

from host.app import Host
from host.ports.controls import ChannelRules
from host.ports.events import Author, Viewer
from host.registry.sessions import scope_name, session_id
from sessiondb import Address
from tests.fakes.platform import MemoryBot
from tests.support.browsing import PUBLIC, WEB, Browser, Member, browsing
from tests.support.hosting import config, serving

ONE, OTHER = "T0ONE", "T0OTHER"
ANN, OWNER = Author("U1", "Ann"), Author("U9", "Olga")
ACCESS = {"unknown": "deny", "users": ["slack:U1"], "owners": [f"slack:{ONE}/U9", f"slack:{OTHER}/U9"]}
SECRET = "Kestrel"
PLACE = Address("slack", ONE, "C1")
NO_PLACE = {"/leave", "/health", "/reload"}  # forms that are about nobody's place
NOT_INSIDE = re.compile(
    r"/(static|enter|signin|slack|metrics|healthz|readyz)\b"
)  # for whoever is not signed in


PLACEHOLDER = re.compile(r"{(\w+)(?::(?:[^{}]|{[^{}]*})*)?}")  # of a route


class SlackLike(MemoryBot):
    channel_type = "slack"


async def lived(bot: SlackLike, host: Host) -> None:
    """In both workspaces, in the same channels by their ids; what is secret in the first alone."""
    task = {"title": SECRET, "prompt": f"tell of {SECRET}", "cron": "0 9 * * *"}
    note = {"file": f"{SECRET}.txt", "line": SECRET, "shared": True}
    calls = (f"@@call schedule_task {json.dumps(task)}", f"@@call mock_append {json.dumps(note)}")
    for team, words in ((ONE, (f"{SECRET} it is", *calls)), (OTHER, ("hello",))):
        for (channel, privacy), text in itertools.product((("C1", "public"), ("D1", "dm")), words):
            before = len(bot.sent)
            place = Address("slack", team, channel)
            await bot.say(channel, text, author=ANN, address=place, privacy=privacy, mentioned=True)
            await bot.until(lambda before=before: len(bot.sent) > before)  # type: ignore[misc]
    await host.controls.set_rules(Viewer(OWNER, PLACE), ChannelRules(instructions=f"Call it {SECRET}."))


def paths(host: Host, data: Path, method: str) -> list[str]:
    """Of all that the page has, filled in with what is the first workspace's."""
    session, task = session_id("default", PLACE), rows(data, "SELECT task_id FROM due")[0]
    scopes = [scope_name("public", PLACE, ""), scope_name("dm", PLACE, ANN.id)]
    found = []
    assert host.web is not None
    for route in host.web._page._routes:
        if route.method != method:
            continue
        about = task if route.path.startswith("/tasks") else session
        names = {"id": [about], "seq": ["2", "3"], "agent": ["default"]}
        names |= {
            "kind": ["agent", "shared", "work"],
            "name": ["default", session],
            "scope": [*scopes, session],
        }
        wanted = PLACEHOLDER.findall(route.path)
        for values in itertools.product(*(names[name] for name in wanted)):
            given = iter(values)
            found.append(PLACEHOLDER.sub(lambda _, given=given: next(given), route.path))  # type: ignore[misc]
    return found


def forms(data: Path) -> dict[str, dict[str, str]]:
    session, task = session_id("default", PLACE), rows(data, "SELECT task_id FROM due")[0]
    message = rows(data, "SELECT message_id FROM inbox ORDER BY id")[0]
    channel = json.dumps(PLACE[:3])
    return {
        "/stop": {"session": session},
        "/decide": {"request": "r1", "choice": "allow"},
        "/access": {"person": f"slack:{ONE}/U1", "verdict": "deny"},
        "/rules": {"channel": channel, "instructions": "mine"},
        "/revert": {"channel": channel, "version": "1"},
        "/agents": {"agent": "default", "order": "pause"},
        "/failures": {"order": "discard", "about": session},
        "/signins": {"signin": message},
        "/tasks": {"task": task, "order": "pause"},
        "/tasks/edit": {"task": task, "title": "mine"},
    }


def rows(data: Path, sql: str) -> list[str]:
    connection = apsw.Connection(str(data / "host.db"), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return [str(row[0]) for row in connection.execute(sql).fetchall()]
    finally:
        connection.close()


async def inside(bot: SlackLike, browser: Browser, who: Author, team: str) -> Member:
    member = Member(browser, "slack")
    bot.codes["good"] = Viewer(who, Address("slack", team, ""), "dm")
    entered = await member.back("good")
    assert entered.status == 303, entered.text
    return member


QUERIES = ("", f"?q=it&path={SECRET}.txt", f"?of={json.dumps(PLACE[:3]).replace(' ', '')}&as=file")


async def seen(member: Member, found: list[str]) -> list[tuple[str, str]]:
    pages = [(path, await member.get(path + query)) for path in found for query in QUERIES]
    return [(path, f"{page.status} {page.text} {dict(page.headers)}") for path, page in pages]


@pytest.mark.parametrize("who", [ANN, OWNER], ids=["member", "owner"])
async def test_no_page_and_no_form_tells_or_changes_anything_of_another_workspace(
    tmp_path: Path, who: Author
) -> None:
    bot = SlackLike()
    bot.signs_in, bot.open = True, {"C1", "D1"}  # a platform that lets everybody read, wherever they are
    web = {**WEB, "public_url": PUBLIC}
    async with (
        serving(config(tmp_path, web=web, access=ACCESS), bot) as (host, _),
        browsing(host, tmp_path, inside=False) as browser,
    ):
        await lived(bot, host)
        host.house.upkeep.feeding._since = 0
        await host.house.upkeep.feeding.everything()
        home, stranger = await inside(bot, browser, ANN, ONE), await inside(bot, browser, who, OTHER)
        shown = [path for path in paths(host, tmp_path, "GET") if not NOT_INSIDE.match(path)]
        told = await seen(home, [path for path in shown if path != "/now/stream"])
        for page in ("/conversations", "/tasks", "/search"):
            assert any(SECRET in text for path, text in told if path == page), page
        before = Forms(host, tmp_path)
        for path, text in [*await seen(stranger, shown), *await before.sent(stranger)]:
            bare = re.sub(r"[?&](q|path|of)=[^ \"&]*", "", text)  # what they asked for stands in links
            for name in (SECRET, ONE):
                assert name not in bare, (path, bare[max(0, bare.find(name) - 300) :][:600])
        assert before.changed() == []
        assert (await stranger.get("/signins")).text.count('name="signin"') == 1, "of a namesake none"


class Forms:
    def __init__(self, host: Host, data: Path) -> None:
        self.data = data
        self.paths = [path for path in paths(host, data, "POST") if not NOT_INSIDE.match(path)]
        self.before = self._state()

    async def sent(self, member: Member) -> list[tuple[str, str]]:
        known = forms(self.data)
        assert set(self.paths) == {*known, *NO_PLACE}, "say in `forms` how a new one is filled in"
        answers = [
            (path, await member.send(path, **fields, back="/conversations")) for path, fields in known.items()
        ]
        return [(path, f"{answer.status} {answer.text}") for path, answer in answers]

    def changed(self) -> list[tuple[str, list[str], list[str]]]:
        after = self._state()
        return [(sql, before, after[sql]) for sql, before in self.before.items() if before != after[sql]]

    def _state(self) -> dict[str, list[str]]:
        asked = (
            "SELECT instructions FROM channel_rules",
            "SELECT user || action || detail FROM audit ORDER BY id",
            "SELECT task FROM task_copies ORDER BY task_id",
            "SELECT agent FROM paused",
            "SELECT standing FROM users ORDER BY 1",
        )
        return {sql: rows(self.data, sql) for sql in asked}

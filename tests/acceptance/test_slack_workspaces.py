"""Two workspaces of Slack in one Dovecote, with the same ids for people, channels and messages, through the whole system."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import apsw
import pytest

from bots.slack import listening
from bots.slack.commands import later
from bots.slack.panels import judging, panels, rules
from bots.slack.questions import questions
from bots.slack.sending import rendering
from bots.slack.setup.manifest import ASK_ABOUT, BECAME, LATER
from host.ports import commands
from tests.fakes.slack import FakeSlack, Message, User, View
from tests.support import on_slack
from tests.support.on_slack import PATIENCE, Office
from tests.support.slack_app import free_port
from tests.support.started import ran
from tests.support.waiting import eventually

NAME = "dovecote.example.com"
ROUNDS = 4  # questions that each workspace asks at once
IN_A_THREAD = ("clear", "mute", "handoff")  # after the others: they end what was said there, or who says it


def parts(pattern: str) -> list[str]:
    """Of what a listener hears: each of its kinds."""
    return pattern.removeprefix("^").removesuffix("$").strip("()").split("|")


@dataclass
class Two:
    """The first has SLACK_BOT_TOKEN; the other may install the app."""

    one: Office
    other: Office
    port: int

    @property
    def secrets(self) -> dict[str, str]:
        app = self.one.slack.sign_ins
        return {
            "SLACK_CLIENT_ID": app.client_id,
            "SLACK_CLIENT_SECRET": app.client_secret,
            "DOVECOTE_SEAL_KEY": "a key that somebody chose for this",
        }

    async def start(self) -> None:
        await self.one.start(more=self.secrets)

    def dovecote(self, *arguments: str) -> str:
        """What a command says; it waits."""
        slack = self.one.slack
        tokens = {"SLACK_BOT_TOKEN": slack.bot_token, "SLACK_APP_TOKEN": slack.app_token, "COLUMNS": "300"}
        environment = {**os.environ, **tokens, **self.secrets}
        folder = self.one.folder.path
        done = ran(*arguments, "--config", "dovecote.toml", folder=folder, environment=environment)
        return done.stdout + done.stderr

    async def page(self, path: str, cookie: str = "", name: str = NAME) -> tuple[int, str, dict[str, str]]:
        """As the proxy in front passes it on."""
        headers = {"Host": name, **({"Cookie": cookie} if cookie else {})}
        async with (
            aiohttp.ClientSession() as browser,
            browser.get(
                f"http://127.0.0.1:{self.port}{path}", headers=headers, allow_redirects=False
            ) as answer,
        ):
            return answer.status, await answer.text(), dict(answer.headers)

    async def install(self) -> str:
        """By somebody of the other workspace; returns what they read in the end."""
        slack = self.other.slack
        slack.installs.redirect_urls[:] = [f"https://{NAME}/slack/oauth_redirect"]
        slack.installs.where = slack, self.other.ann
        status, text, headers = await self.page("/slack/install")
        assert status == 303, text
        cookie = headers["Set-Cookie"].partition(";")[0]
        async with (
            aiohttp.ClientSession() as browser,
            browser.get(headers["Location"], allow_redirects=False) as asked,
        ):
            back = urlsplit(asked.headers["Location"])
        status, text, _ = await self.page(f"{back.path}?{back.query}", cookie)
        assert status == 200, text
        return text

    async def answered(self, word: str) -> None:
        """Both ask at once in the same channel by their ids; each is answered in its own."""
        roots = [
            (office, office.ask(f"{word} {name}"))
            for office, name in ((self.one, "here"), (self.other, "there"))
        ]
        assert roots[0][1].ts == roots[1][1].ts
        for (office, root), name in zip(roots, ("here", "there"), strict=True):
            [answer] = await office.answered(root)
            assert f"{word} {name}" in answer.text


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    async with on_slack.office(tmp_path) as one:
        other = Office(one.slack.add_workspace("Barn"), one.folder)
        port = free_port()
        web = f'[web]\nport = {port}\npublic_url = "https://{NAME}"\n'
        owners = f'owners = ["slack:{one.slack.team_id}/{one.bob.id}", "slack:{other.slack.team_id}/{other.bob.id}"]'
        careful = '[agents.default.options]\napprove = ["mock_append"]\n'
        one.configure(slack=f'installs = ["{other.slack.team_id}"]', access=owners, more=web + careful)
        yield Two(one, other, port)


async def test_a_workspace_installs_the_app_and_both_are_answered_in_their_own_channels_also_after_a_crash(
    two: Two,
) -> None:
    await two.start()
    assert (await two.page("/slack/install", name="127.0.0.1"))[0] == 404, "by the public name alone"
    assert "Installed in Barn" in await two.install()
    await two.answered("first")
    await two.one.stop(kill=True)
    await two.start()
    await two.answered("second")
    assert {call.token for call in two.other.slack.calls()} == {two.other.slack.bot_token}
    assert b"xoxb-fake-bot-2" not in (two.one.folder.path / "data" / "host.db").read_bytes()


async def test_one_that_removes_the_app_is_told_of_waited_for_some_days_and_the_other_goes_on(
    two: Two,
) -> None:
    await two.start()
    await two.install()
    late = two.other.ask("@@sleep 2\nlate")
    threads = two.other.slack.workspace.assistant_threads
    await two.other.slack.wait_until(lambda: (late.channel, late.ts) in threads, PATIENCE)
    two.other.slack.uninstall()
    await eventually(lambda: "the app was removed; it is served no more" in two.one.log())
    root = two.one.ask("alone")
    await two.one.answered(root)
    records = two.one.folder.path / "data" / "host.db"
    of_late = "SELECT message_id FROM inbox WHERE event ->> '$.event.text' LIKE '%late'"
    message = str(sqlite(records, of_late)[0][0])  # one in the first workspace has the same id of Slack
    await eventually(lambda: "waits until the app is installed" in two.dovecote("why", message))
    await two.one.stop()
    told = await asyncio.to_thread(two.dovecote, "doctor")
    assert "Barn" in told
    assert "the app was removed; what is still to be said in 1 place there waits until" in told
    long_ago(records)
    await two.start()
    await eventually(lambda: "was not installed again within 7 days" in two.dovecote("why", message))
    await eventually(lambda: "What was still to be said is given up" in two.one.log())


async def test_what_is_still_to_be_said_in_one_that_removed_the_app_waits_and_is_said_once_it_has_it_again(
    two: Two,
) -> None:
    """Law 14: held, and told; never with another's token, and once."""
    await two.start()
    await two.install()
    root = two.other.ask("@@sleep 2\nlate")
    threads = two.other.slack.workspace.assistant_threads
    await two.other.slack.wait_until(lambda: (root.channel, root.ts) in threads, PATIENCE)
    before = two.other.slack.bot_token
    two.other.slack.uninstall()
    await eventually(lambda: "served no more" in two.one.log())
    await eventually(
        lambda: "it waits until the app is installed there again" in two.dovecote("why", root.ts)
    )
    assert two.other.answers(root) == []
    assert [one for one in two.one.slack.workspace.all_messages() if "late" in one.text] == []
    assert "Installed in Barn" in await two.install()
    assert before != two.other.slack.bot_token
    [answer] = await two.other.answered(root)
    assert "late" in answer.text
    await two.other.answered(two.other.ask("and on"))
    assert len(two.other.answers(root)) == 1


class Life:
    """Everything that people of a workspace do with agents, and that all has its own word in it."""

    def __init__(self, office: Office, word: str) -> None:
        self.office = office
        self.word = word

    async def lived(self) -> None:
        slack, office, word = self.office.slack, self.office, self.word
        roots = [office.ask(f"{word} {number}") for number in range(ROUNDS)]
        note = {"command": "create", "path": "/memories/team.md", "file_text": f"We call it {word}"}
        wish = {
            "title": f"About {word}",
            "prompt": f"tell of {word}",
            "cron": "0 9 * * 1",
            "destination": "channel",
        }
        roots.append(office.ask(f"@@call memory {json.dumps(note)}"))
        roots.append(office.ask(f"@@call schedule_task {json.dumps(wish)}\n@@results"))
        sends = {"file": f"{word}.txt", "line": word}
        allowed = office.ask(
            f"@@call mock_append {json.dumps(sends)}\n@@call send_file {json.dumps({'path': sends['file']})}"
        )
        roots.append(
            slack.say(office.ann, office.channel, f"{slack.mention()} see", files=[("a.txt", word.encode())])
        )
        dm = slack.open_dm(office.ann)
        slack.say(office.ann, dm, f"{word}, between us")
        for root in roots:
            await office.answered(root)
        await slack.wait_for(
            lambda one: one.channel == dm.id and one.bot_id is not None and word in one.text, PATIENCE
        )
        asked = office.ask(f"@@ask Which {word}? | red | blue")
        [card] = await office.answered(asked)
        await slack.click(office.ann, card, value=first_button(card)).acknowledged()
        await office.answered(asked, 2)
        [answer] = await office.answered(roots[0])
        await slack.judge(office.ann, answer, "negative").acknowledged()
        await self.submitted(judging.MODAL, office.ann, {"reason": {"reason": f"too little {word}"}})
        slack.react(office.bob, answer, "eyes")
        await self.chosen(allowed, roots[1])
        await self.formed(roots[2])
        await self.stopped()

    async def submitted(self, form: str, who: User, values: dict[str, dict[str, Any]] | None = None) -> View:
        views = self.office.slack.workspace.views
        view = await self.office.slack.wait_until(
            lambda: next((v for v in views.values() if v.open and v.body.get("callback_id") == form), None),
            PATIENCE,
        )
        assert view is not None
        await self.office.slack.submit_view(who, view, values).acknowledged()
        return view

    async def chosen(self, allowed: Message, edited: Message) -> None:
        """Cards: a call that has to be allowed, a question answered in words, one that was changed after its answer."""
        slack, office, word = self.office.slack, self.office, self.word
        [card] = await office.answered(allowed)
        await slack.click(office.ann, card, rendering.DETAILS).acknowledged()
        await slack.click(office.ann, card, value=button(card, "Allow")).acknowledged()
        await office.answered(allowed, 2)
        open_ = office.ask(f"@@ask What of {word}?\n@@results")
        [card] = await office.answered(open_)
        await slack.click(office.ann, card, rendering.WORDS).acknowledged()
        await self.submitted(questions.MODAL, office.ann, {"words": {"words": f"all of {word}"}})
        await office.answered(open_, 2)
        slack.edit(edited, f"{edited.text} changed")
        *_, line = await office.answered(edited, 2)
        await slack.click(office.ann, line, value="again").acknowledged()
        await office.answered(edited, 2)

    async def formed(self, root: Message) -> None:
        """A reminder, what is set for the channel, and both shortcuts that begin something."""
        slack, office, word = self.office.slack, self.office, self.word
        await slack.choose(office.ann, root, ASK_ABOUT).acknowledged()
        await slack.choose(office.ann, root, LATER).acknowledged()
        view = await self.submitted(later.FORM, office.ann, {later.WHEN: {later.WHEN: "tomorrow at nine"}})
        await slack.click(office.ann, view, later.TRY_FIRST).acknowledged()
        await self.submitted(later.CONFIRM, office.ann)
        await slack.slash(office.bob, office.channel, "/dovecote", "config").acknowledged()
        await self.submitted(rules.MODAL, office.bob, {"instructions": {"instructions": f"Say {word}."}})
        await slack.slash(office.ann, office.channel, "/dovecote", f"ask {word}?").acknowledged()

    async def stopped(self) -> None:
        """Home's buttons: a turn under way, the tasks, and itself anew."""
        slack, office = self.office.slack, self.office
        running = office.ask("@@sleep 60")
        threads = slack.workspace.assistant_threads
        await slack.wait_until(lambda: (running.channel, running.ts) in threads, PATIENCE)
        for action in (f"{panels.TASK}-pause", panels.STOP, f"{panels.REFRESH}-home"):
            before = slack.workspace.homes.pop(office.ann.id, None)
            slack.open_home(office.ann)
            home = await slack.wait_until(lambda: slack.workspace.homes.get(office.ann.id), PATIENCE)
            assert home is not None, before
            await slack.click(office.ann, home, action).acknowledged()

    async def looked(self) -> None:
        """Whatever there is to be seen, also of what another workspace may have under the same ids."""
        slack, office = self.office.slack, self.office
        root = office.ask("hello")
        await office.answered(root)
        for person in (office.ann, office.bob):
            for text in (*commands.COMMANDS, "memory call", "config versions"):
                await slack.slash(person, office.channel, "/dovecote", text).acknowledged()
            for callback in (BECAME, LATER):
                await slack.choose(person, root, callback).acknowledged()
            slack.open_home(person)
            await slack.wait_until(lambda who=person: slack.workspace.homes.get(who.id), PATIENCE)  # type: ignore[misc]
        shown = [
            name for name in commands.COMMANDS if name in commands.SHOWN - {commands.HANDOFF, commands.AGAIN}
        ]
        for number, typed in enumerate(shown, 2):
            slack.say(office.ann, office.channel, f"!{typed}", root.ts)
            await office.answered(root, number)
        for typed in (*(set(commands.COMMANDS) - set(shown) - set(IN_A_THREAD)), *IN_A_THREAD):
            slack.say(office.ann, office.channel, f"!{typed} default and on", root.ts)
        look = {"command": "view", "path": "/memories/team.md"}
        found = office.ask(f"@@call memory {json.dumps(look)}\n@@results")
        assert self.word in (await office.answered(found))[-1].text

    def seen(self) -> str:
        """All that Slack was given or told there, by whatever way."""
        slack, workspace = self.office.slack, self.office.slack.workspace
        given = [call.args for call in slack.calls()]
        answers = [
            each.response for each in slack.deliveries() if each.payload.get("team_id") == slack.team_id
        ]
        shown = [
            *workspace.all_messages(),
            *workspace.ephemerals,
            *workspace.views.values(),
            *workspace.homes.values(),
        ]
        kept = [
            *workspace.files.values(),
            *workspace.sessions.values(),
            *workspace.assistant_threads.values(),
        ]
        return repr((given, answers, shown, kept, slack.interactions.responded))


def button(card: Message, label: str) -> str:
    """Its value."""
    found = [e for block in card.blocks for e in block.get("elements", ()) if e.get("type") == "button"]
    return str(next(e["value"] for e in found if e["text"]["text"] == label))


def pressed(slack: FakeSlack, team: str) -> set[str]:
    """Of what listeners hear of people, each kind that Slack brought of this workspace."""
    heard = set()
    for each in slack.deliveries():
        body = each.payload
        if (body.get("team_id") or (body.get("team") or {}).get("id")) != team:
            continue
        ids = [str(action.get("action_id")) for action in body.get("actions") or ()]
        ids += (
            [str((body.get("view") or {}).get("callback_id"))]
            if body.get("type") == "view_submission"
            else []
        )
        ids += [str(body.get("callback_id"))] if body.get("type") == "message_action" else []
        heard |= set(ids)
    return heard


def long_ago(path: Path) -> None:
    """As if the app had been removed a week and an hour before."""
    connection = apsw.Connection(str(path))
    try:
        connection.execute("UPDATE installs SET changed_at = changed_at - 608400000")
    finally:
        connection.close()


def first_button(card: Message) -> str:
    found = [
        element["value"]
        for block in card.blocks
        for element in block.get("elements", ())
        if "value" in element
    ]
    return str(found[0])


async def test_nothing_of_one_workspace_is_seen_in_the_other_under_the_same_ids(two: Two) -> None:
    """Commands, cards, forms, Home, memory, tasks and files; what each of them was given, and what its agents can read."""
    lives = Life(two.one, "Kestrel"), Life(two.other, "Osprey")
    await two.start()
    await two.install()
    await two.answered("begin")
    await asyncio.gather(*(life.lived() for life in lives))
    assert two.one.slack.messages(two.one.channel)[0].ts == two.other.slack.messages(two.other.channel)[0].ts
    await two.one.stop(kill=True)
    await two.start()
    await asyncio.gather(*(life.looked() for life in lives))
    kinds = [
        *listening.SHORTCUTS,
        *listening.VIEWS,
        *(kind for one in listening.ACTIONS for kind in parts(one)),
    ]
    for life, other in (lives, lives[::-1]):
        heard = pressed(life.office.slack, life.office.slack.team_id)
        assert [kind for kind in kinds if not any(one.startswith(kind) for one in heard)] == []
        seen = life.seen()
        assert life.word in seen
        at = seen.find(other.word)
        assert at == -1, seen[max(0, at - 300) : at + 100]
        assert re.search(rf"\b{other.office.slack.team_id}\b", seen) is None
    await two.one.stop()
    data = two.one.folder.path / "data"
    kept = sqlite(data / "host.db", "SELECT id, workspace_id, scope FROM sessions")
    assert {str(workspace) for _, workspace, _ in kept} == {life.office.slack.team_id for life in lives}
    for id_, workspace, scope in kept:
        [other] = [life for life in lives if life.office.slack.team_id != workspace]
        for folder in (data / "sessions" / str(id_), data / "workspaces" / "default" / str(scope)):
            for file in folder.rglob("*"):
                if file.is_file() and not file.is_symlink():
                    assert other.word.encode() not in file.read_bytes(), file


def sqlite(path: Path, sql: str) -> list[tuple[object, ...]]:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()

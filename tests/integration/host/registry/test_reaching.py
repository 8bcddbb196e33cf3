"""What people do about a conversation comes to a node that does not hold it: Slack's real bot, and two nodes that serve."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from bots.slack.setup.manifest import LATER
from host.app import Host
from host.cli import exporting, story, tasks_seen
from host.cli.ending import NothingFoundError
from host.ports.controls import Forbidden, TaskOrder
from host.ports.events import Author, Viewer
from host.registry import errands
from sessiondb.records import Address
from tests.fakes.slack import FakeSlack, Message, View
from tests.support.browsing import browsing
from tests.support.postgres import Server
from tests.support.slack_nodes import WITHIN, Nodes
from tests.support.tasking import call, soon

T = TypeVar("T")
# Those of Ada, who has the upkeep.
ADAS = "SELECT platform_id FROM placements WHERE node = (SELECT node FROM placements WHERE platform_id = 'upkeep')"
CHANGES = """
SELECT event -> 'event' ->> 'event_class', state, count(*) FROM inbox
WHERE event -> 'event' ->> 'event_class' IN ('edit', 'delete', 'reaction') GROUP BY 1, 2 ORDER BY 1
"""
ASKS = "which\n" + call("ask_user_question", question="Which?", options=["red", "blue"])


DAILY_ONE = "SELECT task_id FROM task_copies WHERE task_copies::text LIKE '%News%'"
DAILY = {"title": "News", "prompt": "news", "cron": "0 9 * * *"}
ORDERED = "INSERT INTO orders (kind, session_id, body, created_at) VALUES ('task', '', '{}', 1) RETURNING id"


def viewer(nodes: Nodes) -> Viewer:
    ann = Author(nodes.ann.id, "ann")
    return Viewer(ann, Address("slack", nodes.slack.team_id, nodes.channel.id), "public")


async def until_said(server: Server, url: str, sql: str, wanted: str) -> None:
    async with asyncio.timeout(WITHIN):
        while await asyncio.to_thread(server.says, url, sql) != wanted:  # noqa: ASYNC110 - of which nobody tells
            await asyncio.sleep(0.05)


async def until_seen(host: Host, nodes: Nodes, task: str, *, paused: bool) -> None:
    """As its file was copied last: a moment later."""
    async with asyncio.timeout(WITHIN):
        while [one.paused for one in await host.controls.tasks(viewer(nodes)) if one.id == task] != [paused]:  # noqa: ASYNC110
            await asyncio.sleep(0.05)


@pytest.fixture
async def nodes(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Nodes]:
    monkeypatch.setattr(errands, "PATIENCE", WITHIN)  # these machines are slow, and this Slack waits
    async with FakeSlack(ack_timeout=WITHIN) as slack:
        yield Nodes(slack, tmp_path, postgres.database(), together=True)


def buttons(message: Message) -> Sequence[dict[str, Any]]:
    return [
        element for block in message.blocks if block["type"] == "actions" for element in block["elements"]
    ]


async def shows_what_lies_with(ada: Host, bob: Host, nodes: Nodes) -> None:
    """Of what Ada has, Bob's page shows all, and on which machine it is."""
    await ada.house.upkeep.feeding.everything()
    async with browsing(bob, nodes.folder / "bob") as browser:
        listed = await browser.get("/conversations")
        assert all(word in listed.shown for word in ("general", "one", "machine", "idle"))
        assert "does not answer" not in listed.shown
        path = re.findall(r"/conversations/s\w+", listed.text)[-1]
        told = await browser.get(path)
        assert "one" in told.shown
        assert "answered" in told.shown
        assert f"on {socket.gethostname()} (" in told.shown
        seq = re.findall(r'id="seq-(\d+)"', told.text)[0]
        assert (await browser.get(f"{path}/{seq}")).text.endswith("one")
        assert (await browser.get(f"{path}/1000000")).status == 404
        found = await browser.get("/search?q=one")
        assert path in found.text
        assert "does not answer" not in found.shown
        assert "lies with" in (await browser.get(f"/files/work/{path.rpartition('/')[2]}/-")).shown
        health = (await browser.get("/health")).shown
        assert health.count("serves") == 2
        assert "this one" in health
        assert "runners here" in (await browser.get("/")).shown


async def changes_reach(nodes: Nodes, server: Server, ada: Host) -> None:
    """What is done to a message of Ada's: it says there what it says now, and each stands once."""
    slack, ann = nodes.slack, nodes.ann
    asked = nodes.ask("wirst words")
    await nodes.answered(asked)
    [answer] = [
        one
        for one in slack.messages(nodes.channel, asked.ts)
        if one.bot_id == slack.bot_id and not one.stream
    ]
    slack.edit(asked, f"{slack.mention()} first words")
    slack.react(ann, asked, "eyes")
    await slack.judge(ann, answer, "positive").acknowledged()
    offer = await first(slack, lambda: asking(nodes, asked))
    await slack.click(ann, offer, value=buttons(offer)[0]["value"]).acknowledged()  # answer again
    await slack.wait_until(lambda: any("first words" in text for text in nodes.answers(asked)), WITHIN)
    more = slack.say(ann, nodes.channel, "never mind", asked.ts)
    await slack.wait_until(lambda: any("never mind" in text for text in nodes.answers(asked)), WITHIN)
    slack.delete(more)
    offer = await first(slack, lambda: asking(nodes, asked))
    await slack.click(ann, offer, value=buttons(offer)[0]["value"]).acknowledged()  # delete the answer
    await slack.wait_until(lambda: not any("never mind" in text for text in nodes.answers(asked)), WITHIN)
    await until_said(server, nodes.url, "SELECT count(*) FROM judgements", "1")
    await until_said(server, nodes.url, CHANGES, "delete|stored|1\nedit|stored|1\nreaction|stored|1")
    async with browsing(ada, nodes.folder / "ada") as browser:
        path = re.findall(r"/conversations/s\w+", (await browser.get("/conversations")).text)[0]
        shown = (await browser.get(path)).shown
    assert "first words" in shown
    assert len([text for text in nodes.answers(asked) if "words" in text]) == 1


async def a_form_is_carried_out(nodes: Nodes, server: Server) -> None:
    """A reminder of a message, in two forms; and a question that is answered in words."""
    slack, ann = nodes.slack, nodes.ann
    said = slack.say(ann, nodes.channel, "water the plants")
    await slack.choose(ann, said, LATER).acknowledged()
    view = await first(slack, lambda: open_views(slack))
    await slack.submit_view(ann, view, {"when": {"when": "every weekday at nine"}}).acknowledged()
    await slack.submit_view(ann, view).acknowledged()
    assert view.blocks[0]["text"]["text"].startswith("Scheduled: ")
    count = "SELECT count(*) FROM task_copies WHERE task_copies::text LIKE '%water the plants%'"
    await until_said(server, nodes.url, count, "1")
    asked = nodes.ask("name\n" + call("ask_user_question", question="What is your name?", options=[]))
    card = await first(slack, lambda: asking(nodes, asked))
    await slack.click(ann, card, "dovecote-words").acknowledged()
    view = await first(slack, lambda: open_views(slack))
    await slack.submit_view(ann, view, {"words": {"words": "Ann of Green Gables"}}).acknowledged()
    await slack.wait_until(lambda: any("Gables" in text for text in nodes.answers(asked)), WITHIN)


async def what_needs_a_yes_runs_once(nodes: Nodes, ada: Host) -> None:
    asked = nodes.ask("do\n" + call("mock_append", file="done.txt", line="x"))
    card = await first(nodes.slack, lambda: asking(nodes, asked))
    await nodes.slack.click(nodes.ann, card, value=buttons(card)[0]["value"]).acknowledged()
    await nodes.slack.wait_until(lambda: len(nodes.answers(asked)) >= 2, WITHIN)
    written = list(nodes.folder.rglob("done.txt"))
    assert [path.read_text().split() for path in written] == [["x"]]
    assert str(written[0]).startswith(str(ada.house.upkeep.feeding._data))


async def a_task_for_another_channel_is_said_there(nodes: Nodes) -> None:
    """The other channel is Bob's; it is asked for in Ada's."""
    hello = nodes.slack.say(nodes.ann, nodes.news, f"{nodes.slack.mention()} hello")
    await nodes.answered(hello)
    there = {"title": "Later", "prompt": "told there", "at": soon(5.0), "destination": "news"}
    await nodes.answered(nodes.ask("later\n" + call("schedule_task", **there)))
    await nodes.slack.wait_until(lambda: told_there(nodes), WITHIN)


def told_there(nodes: Nodes) -> list[str]:
    return [one.text for one in nodes.slack.messages(nodes.news) if "told there" in one.text and one.bot_id]


async def first(slack: FakeSlack, find: Callable[[], Sequence[T]]) -> T:
    return (await slack.wait_until(find, WITHIN))[0]


def open_views(slack: FakeSlack) -> list[View]:
    return [view for view in slack.workspace.views.values() if view.open]


def asking(nodes: Nodes, asked: Message) -> list[Message]:
    return [one for one in nodes.slack.messages(nodes.channel, asked.ts) if buttons(one)]


async def the_command_line_and_the_page_say_whose_it_is(
    nodes: Nodes, server: Server, capsys: pytest.CaptureFixture[str], task: str, bob: Host
) -> None:
    """Bob's, of a task that is Ada's, of its conversation and of a message there."""
    settings, data = nodes.settings("bob"), nodes.folder / "bob"
    id_ = server.says(nodes.url, f"SELECT session_id FROM task_copies WHERE task_id = '{task}'")
    message = server.says(nodes.url, f"SELECT max(message_id) FROM inbox WHERE session_id = '{id_}'")

    async def said(look: Callable[[], None]) -> str:
        capsys.readouterr()
        await asyncio.to_thread(look)
        return " ".join("".join(capsys.readouterr()).split())

    def shown() -> None:
        tasks_seen.show(settings, task, as_json=False)

    ada = f"{socket.gethostname()} ("
    assert task in await said(lambda: tasks_seen.show_all(settings, as_json=True))
    assert any("News" in line for line in tasks_seen.exported(data))
    told = await said(shown)
    assert "News" in told
    assert f"{ada}" in told
    assert "knows its runs: ask there." in told
    told = await said(lambda: story.tell(settings, message, verbose=False, as_json=False))
    assert "knows the rest: ask there." in told
    assert "waits for its turn" not in told
    async with browsing(bob, data) as browser:
        assert f"They lie with {ada}" in (await browser.get(f"/tasks/{task}")).shown
    with pytest.raises(NothingFoundError, match="export it there"):
        exporting.export(data, id_, as_json_text=False)


async def test_whatever_people_do_is_done_once_by_the_node_that_holds_the_channel_whichever_hears_of_it(
    nodes: Nodes, postgres: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    slack, ann, channel = nodes.slack, nodes.ann, nodes.channel
    async with nodes.serves("ada") as ada:
        [said] = await nodes.answered(nodes.ask("one"))
        assert "one" in said
        async with nodes.serves("bob", 2) as bob:
            nodes.comes_to(1)
            [said] = await nodes.answered(nodes.ask("two"))
            assert "two" in said
            await shows_what_lies_with(ada, bob, nodes)
            # A click under a question of the agent's, and what the agent makes of it.
            asked = nodes.ask(ASKS)
            await slack.wait_until(lambda: any(map(buttons, slack.messages(channel, asked.ts))), WITHIN)
            card = next(one for one in slack.messages(channel, asked.ts) if buttons(one))
            await slack.click(ann, card, value=buttons(card)[1]["value"]).acknowledged()
            await slack.wait_until(lambda: any("blue" in text for text in nodes.answers(asked)[1:]), WITHIN)
            await changes_reach(nodes, postgres, ada)
            await a_form_is_carried_out(nodes, postgres)
            await what_needs_a_yes_runs_once(nodes, ada)
            await a_task_for_another_channel_is_said_there(nodes)
            # Orders that are typed among people.
            for order, answer in (("!why", "**Message**"), ("!status", "Nothing is running")):
                typed = nodes.ask(order)
                [said] = await nodes.answered(typed)
                assert answer.strip("*") in said
            # A task that is Ada's, ordered and seen here.
            await nodes.answered(nodes.ask("later\n" + call("schedule_task", **DAILY)))
            id_ = postgres.says(nodes.url, DAILY_ONE)
            ours = [one for one in await bob.controls.tasks(viewer(nodes)) if one.id == id_]
            assert len(ours) == 1
            await the_command_line_and_the_page_say_whose_it_is(nodes, postgres, capsys, id_, bob)
            told = await bob.controls.order(viewer(nodes), id_, TaskOrder.PAUSE)
            assert "paused" in told.lower()
            await until_seen(bob, nodes, id_, paused=True)
            with pytest.raises(Forbidden, match="cannot be done"):
                await bob.controls.order(viewer(nodes), id_, TaskOrder.PAUSE)
            # What the command line orders is done by one of both, once.
            ordered = ORDERED.format(json.dumps({"order": "resume", "task": id_}))
            number = postgres.says(nodes.url, ordered).split()[0]
            await until_said(
                postgres, nodes.url, f"SELECT outcome <> '' FROM orders WHERE id = {number}", "t"
            )
            await until_seen(bob, nodes, id_, paused=False)
            await bob.controls.order(viewer(nodes), id_, TaskOrder.CANCEL)
            assert not any("News" in line for line in tasks_seen.exported(nodes.folder / "bob"))
            # What its person is told by the acknowledgement.
            slack.slash(ann, channel, "/dovecote", "status")
            await slack.wait_until(lambda: slack.ephemerals(ann), WITHIN)
            await slack.wait_until(
                lambda: {one.state for one in slack.deliveries()} == {"acknowledged"}, WITHIN
            )
    assert len(told_there(nodes)) == 1
    held = postgres.says(nodes.url, ADAS).split()
    assert channel.id in held
    assert nodes.news.id not in held
    assert postgres.says(nodes.url, "SELECT count(*) FROM errands") == "0"

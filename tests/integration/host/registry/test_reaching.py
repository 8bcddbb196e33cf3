"""What people do about a conversation comes to a node that does not hold it: Slack's real bot, and two nodes that serve."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from host.app import Host
from host.ports.controls import Forbidden, TaskOrder
from host.ports.events import Author, Viewer
from host.registry import errands
from sessiondb.records import Address
from tests.fakes.slack import FakeSlack, Message
from tests.support.browsing import browsing
from tests.support.postgres import Server
from tests.support.slack_nodes import WITHIN, Nodes
from tests.support.tasking import call

HOLDERS = "SELECT count(DISTINCT node) FROM placements"
ASKS = "which\n" + call("ask_user_question", question="Which?", options=["red", "blue"])


DAILY = {"title": "News", "prompt": "news", "cron": "0 9 * * *"}
ORDERED = "INSERT INTO orders (kind, session_id, body, created_at) VALUES ('task', '', '{}', 1) RETURNING id"


def viewer(nodes: Nodes) -> Viewer:
    ann = Author(nodes.ann.id, "ann")
    return Viewer(ann, Address("slack", nodes.slack.team_id, nodes.channel.id), "public")


async def until_said(server: Server, url: str, sql: str, wanted: str) -> None:
    async with asyncio.timeout(WITHIN):
        while await asyncio.to_thread(server.says, url, sql) != wanted:  # noqa: ASYNC110 - of which nobody tells
            await asyncio.sleep(0.05)


async def until_seen(host: Host, nodes: Nodes, *, paused: bool) -> None:
    """As its file was copied last: a moment later."""
    async with asyncio.timeout(WITHIN):
        while [one.paused for one in await host.controls.tasks(viewer(nodes))] != [paused]:  # noqa: ASYNC110
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


async def test_whatever_people_do_is_done_once_by_the_node_that_holds_the_channel_whichever_hears_of_it(
    nodes: Nodes, postgres: Server
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
            # Orders that are typed among people.
            for order, answer in (("!why", "**Message**"), ("!status", "Nothing is running")):
                typed = nodes.ask(order)
                [said] = await nodes.answered(typed)
                assert answer.strip("*") in said
            # A task that is Ada's, ordered and seen here.
            await nodes.answered(nodes.ask("later\n" + call("schedule_task", **DAILY)))
            id_ = postgres.says(nodes.url, "SELECT task_id FROM due WHERE task_id LIKE 't%'")
            told = await bob.controls.order(viewer(nodes), id_, TaskOrder.PAUSE)
            assert "paused" in told.lower()
            await until_seen(bob, nodes, paused=True)
            with pytest.raises(Forbidden, match="cannot be done"):
                await bob.controls.order(viewer(nodes), id_, TaskOrder.PAUSE)
            # What the command line orders is done by one of both, once.
            ordered = ORDERED.format(json.dumps({"order": "resume", "task": id_}))
            number = postgres.says(nodes.url, ordered).split()[0]
            await until_said(
                postgres, nodes.url, f"SELECT outcome <> '' FROM orders WHERE id = {number}", "t"
            )
            await until_seen(bob, nodes, paused=False)
            # What its person is told by the acknowledgement.
            slack.slash(ann, channel, "/dovecote", "status")
            await slack.wait_until(lambda: slack.ephemerals(ann), WITHIN)
            await slack.wait_until(
                lambda: {one.state for one in slack.deliveries()} == {"acknowledged"}, WITHIN
            )
    assert postgres.says(nodes.url, HOLDERS) == "1"
    assert postgres.says(nodes.url, "SELECT count(*) FROM errands") == "0"

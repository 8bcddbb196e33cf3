"""Slack brings each payload to one of several nodes: what comes to one that stands by is dealt with by the one that serves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.fakes.platform import TIMEOUT
from tests.fakes.slack import FakeSlack
from tests.support.postgres import Server
from tests.support.slack_nodes import WITHIN, Nodes


@pytest.fixture
async def nodes(postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Nodes]:
    monkeypatch.setattr(
        "host.registry.keeping.ANSWER_WITHIN", WITHIN
    )  # these machines are slow, and this Slack waits
    async with FakeSlack(ack_timeout=WITHIN) as slack:
        yield Nodes(slack, tmp_path, postgres.database())


async def test_what_comes_to_a_node_that_stands_by_is_kept_acknowledged_and_answered_once_by_the_one_that_serves(
    nodes: Nodes, postgres: Server
) -> None:
    slack = nodes.slack
    async with nodes.serves("ada") as ada, nodes.stands_by("bob") as bob:
        asked = [nodes.ask(text) for text in ("one", "two", "three")]
        for one, text in zip(asked, ("one", "two", "three"), strict=True):
            [answer] = await nodes.answered(one)
            assert text in answer
        # What its person is told by the acknowledgement: a command's answer, and what is wrong in a form.
        slack.slash(nodes.ann, nodes.channel, "/dovecote", "status")
        await slack.wait_until(lambda: slack.ephemerals(nodes.ann), WITHIN)
        slack.slash(nodes.ann, nodes.channel, "/dovecote", "config")
        views = slack.workspace.views
        form = await slack.wait_until(lambda: next((v for v in views.values() if v.open), None), WITHIN)
        assert form is not None
        chosen = {"agent": {"agent": "default"}, "engage": {"engage": "always"}}
        slack.submit_view(nodes.ann, form, {**chosen, "budget": {"budget": "a lot"}})
        await slack.wait_until(lambda: "such as 2.50" in str(form.body.get("errors")), WITHIN)
        assert form.open
        slack.submit_view(nodes.ann, form, {**chosen, "budget": {"budget": "3.50"}})
        await slack.wait_until(lambda: not form.open, WITHIN)
        assert {one.state for one in slack.deliveries()} == {"acknowledged"}
        ada.stop()
        async with asyncio.timeout(TIMEOUT):
            await bob.started.wait()
        await slack.connected(1, WITHIN)
        [answer] = await nodes.answered(nodes.ask("four"))
        assert "four" in answer
        for one, text in zip(
            asked, ("one", "two", "three"), strict=True
        ):  # beside a notice that it is another machine
            assert [text in said for said in nodes.answers(one)].count(True) == 1
    assert postgres.says(nodes.url, "SELECT count(*) FROM taken_in") == "0"

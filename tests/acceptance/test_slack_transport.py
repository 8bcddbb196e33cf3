"""How Slack reaches the whole system: by signed requests, and while a disk hangs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from tests.support import on_slack
from tests.support.on_slack import PATIENCE, Office
from tests.support.slack_app import free_port
from tests.support.waiting import eventually

# As long as a file of that name lies in the folder no commit comes back.
A_DISK_THAT_HANGS = """\
import pathlib, time, host.registry.db
commit = host.registry.db.HostDB._commit
def hanging(self, jobs):
    while pathlib.Path("hang").exists():
        time.sleep(0.01)
    return commit(self, jobs)
host.registry.db.HostDB._commit = hanging"""


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with on_slack.office(tmp_path) as made:
        yield made


async def test_a_disk_that_hangs_and_an_agent_at_work_do_not_keep_the_sockets_waiting(office: Office) -> None:
    """LESSONS 44: the sockets answer, and what needs no disk is acknowledged; the rest is not before its commit."""
    await office.start(first=A_DISK_THAT_HANGS)
    busy = office.ask("@@sleep 2\nwork done")
    await office.slack.wait_until(lambda: office.slack.calls("assistant.threads.setStatus"), PATIENCE)
    (office.folder.path / "hang").touch()
    asked = office.ask("while the disk hangs")
    held = office.slack.deliveries("message")[-1]
    pongs = {socket: socket.pongs for socket in office.slack.sockets}
    for socket in pongs:
        await socket.ping()
    await office.slack.wait_until(lambda: all(s.pongs > before for s, before in pongs.items()), PATIENCE)
    office.slack.unfurl(asked, "https://example.org")
    await office.slack.deliveries("message")[-1].acknowledged(PATIENCE)
    assert held.state != "acknowledged"
    (office.folder.path / "hang").unlink()
    assert "work done" in (await office.answered(busy))[0].text
    assert "while the disk hangs" in (await office.answered(asked))[0].text
    last = office.ask("afterwards")
    await office.answered(last)
    assert len(office.answers(asked)) == 1


async def test_without_sockets_signed_requests_bring_everything_and_others_nothing(office: Office) -> None:
    port = free_port()
    office.configure(slack=f'mode = "http"\nport = {port}')
    await office.start(sockets=0)
    url = f"http://127.0.0.1:{port}/slack/events"
    await eventually(lambda: "Slack is connected" in office.log())
    await office.slack.use_http(url)
    asked = office.ask("@@ask Now? | yes | no\n@@results")
    [question] = await office.answered(asked)
    value = question.blocks[-1]["elements"][1]["value"]
    await office.slack.click(office.ann, question, value=value).acknowledged(PATIENCE)
    assert (await office.answered(asked, 2))[-1].text.split()[-1] == "no"
    office.slack.slash(office.ann, office.channel, "/dovecote", "usage")
    await office.slack.wait_until(lambda: office.slack.ephemerals(office.ann), PATIENCE)
    forged = {
        "X-Slack-Request-Timestamp": "1",
        "X-Slack-Signature": "v0=00",
        "Content-Type": "application/json",
    }
    body = '{"type": "event_callback", "event": {"type": "message"}}'
    async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=forged) as answer:
        assert answer.status == 401

"""The scope for names and pictures: what the doctor says of it, and what Slack makes of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bots.common.faces import Faces
from bots.slack.sending.faces import SCOPE, Customizing
from bots.slack.setup import look
from host.config import Config, Slack
from host.ports.bot import Unsent
from sessiondb import Address, content
from tests.fakes.slack import FakeSlack
from tests.fakes.slack.faults import Fault
from tests.support.slack_app import clear_proxies
from tests.support.slacking import delivery, online

AGENTS = {"poet": {"name": "Poet", "icon": ":owl:"}}


async def test_the_doctor_names_the_scope_that_faces_need_where_an_agent_has_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clear_proxies(monkeypatch)
    async with FakeSlack() as slack:
        client = AsyncWebClient(slack.bot_token, base_url=slack.api_url)
        for agents, granted, told in ((AGENTS, False, [True]), ({}, False, []), (AGENTS, True, [])):
            slack.scopes |= {SCOPE} if granted else set()
            config = Config.model_validate({"agents": agents})
            found = await look.look(client, slack.app_token, Slack(api_url=slack.api_url), config)
            assert [SCOPE in one.remedy for one in found if one.what == "Slack's faces"] == told


async def test_what_is_refused_without_a_face_too_is_refused_for_its_own_sake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clear_proxies(monkeypatch)
    agents = dict(Config.model_validate({"agents": AGENTS}).agents)
    async with FakeSlack() as slack:
        slack.scopes.add(SCOPE)
        channel = slack.add_channel("general", members=[slack.add_user("ann")])
        async with online(slack, tmp_path, agents=agents) as (bot, _):
            sent = delivery(
                bot, content.Text("Words."), Address("slack", slack.team_id, channel.id), agent="poet"
            )
            slack.faults.next("chat.postMessage", Fault.refuse("missing_scope"), times=2)
            with pytest.raises(Unsent, match="missing_scope"):
                await bot.send(sent)
            await bot.send(sent)
        assert [(message.username, message.icons) for message in slack.messages(channel)] == [
            ("Poet", {"emoji": ":owl:"})
        ]


def test_no_workspace_is_asked_for_a_face_where_no_agent_has_one() -> None:
    faces = Faces()
    faces.follow(Config())
    customizing = Customizing(faces)
    customizing.begin("T1", ["chat:write"])
    assert customizing.arguments("default") == {}

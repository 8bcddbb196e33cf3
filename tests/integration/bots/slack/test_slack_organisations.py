"""An app that is installed for a whole organisation: one token, and each workspace that it is let into is one like any other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bots.slack.workspaces import Workspaces
from host.config import Config, Slack
from host.ports.bot import Offline, Rejected
from host.ports.installs import KEPT_FOR
from sessiondb import Address
from sessiondb.content import Text
from tests.fakes.slack import FakeSlack, Organisation
from tests.support.discording import Notebook
from tests.support.installing import install, slow_closing
from tests.support.slack_app import clear_proxies
from tests.support.slacking import delivery, online
from tests.support.waiting import eventually

TEXT = Text("coo")


class Town:
    """A workspace of the organisation, with one channel and one person in it."""

    def __init__(self, slack: FakeSlack, person: str) -> None:
        self.slack = slack
        self.ann = slack.add_user(person)
        self.channel = slack.add_channel("general", members=[self.ann])
        self.everywhere = Address("slack", slack.team_id, "")
        self.place = self.everywhere._replace(platform_id=self.channel.id)

    def ask(self, text: str) -> None:
        self.slack.say(self.ann, self.channel, f"{self.slack.mention()} {text}")

    def texts(self) -> list[str]:
        return [message.text for message in self.slack.messages(self.channel) if message.bot_id]


class Grid:
    def __init__(self, slack: FakeSlack) -> None:
        self.own = slack
        self.whole = Organisation()
        self.barn = Town(slack.add_to_organisation("Barn", self.whole), "zoe")
        self.loft = Town(slack.add_to_organisation("Loft", self.whole), "max")
        slack.installs.whole = self.whole


@pytest.fixture
async def grid(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Grid]:
    clear_proxies(monkeypatch)
    async with FakeSlack(retry_delays=(0.1, 0.1, 0.1)) as slack:
        yield Grid(slack)


async def stands(notebook: Notebook, town: Town, how: str) -> None:
    await notebook.until(lambda: notebook.stands.get(town.everywhere) == how)


async def test_each_workspace_that_an_organisation_lets_the_app_into_is_served_with_its_token_and_by_itself(
    grid: Grid, tmp_path: Path
) -> None:
    barn, loft = grid.barn, grid.loft
    notebook = Notebook()
    async with online(grid.own, tmp_path, notebook=notebook, installs=(grid.whole.id,)) as (bot, _):
        said = await install(bot, barn.slack)
        assert (said.status, "Installed in Aviaries" in said.text) == (200, True)
        assert "organisation's settings" in said.text
        for number, town in enumerate((barn, loft), 1):
            grid.whole.grant(town.slack)
            await stands(notebook, town, "open")
            town.ask("hello")
            event = await notebook.next(number)
            assert (event.address.workspace_id, event.author.external) == (town.slack.team_id, False)
            await bot.send(delivery(bot, TEXT, town.place, key=f"00ff00ff00ff00f{number}"))
        assert (barn.texts(), loft.texts()) == (["coo"], ["coo"])
        await loft.slack.slash(loft.ann, loft.channel, "/dovecote", "usage").acknowledged()
        assert loft.slack.ephemerals(loft.ann)
        listed = [*barn.slack.calls("users.conversations"), *loft.slack.calls("users.conversations")]
        assert {call.args["team_id"] for call in listed} == {barn.slack.team_id, loft.slack.team_id}
        assert {call.token for call in loft.slack.calls()} == {grid.whole.token}

        grid.whole.revoke(loft.slack)
        await stands(notebook, loft, "gone")
        with pytest.raises(Offline, match="the app was removed; it waits"):
            await bot.send(delivery(bot, TEXT, loft.place))
        barn.ask("and here?")
        assert (await notebook.next(3)).address.workspace_id == barn.slack.team_id
        grid.whole.grant(loft.slack)
        await stands(notebook, loft, "open")
        await bot.send(delivery(bot, TEXT, loft.place, key="00ff00ff00ff00f4"))
        grid.whole.refuses = "token_revoked"  # and installed anew before anybody has heard of it
        before = grid.whole.token
        assert (await install(bot, barn.slack)).status == 200
        await loft.slack.wait_until(lambda: {call.token for call in loft.slack.calls()} > {before})
        loft.ask("with the new token?")
        await notebook.next(4)
        await bot.send(delivery(bot, TEXT, loft.place, key="00ff00ff00ff00f5"))
        assert loft.texts() == ["coo"] * 3


async def test_what_changed_while_nobody_listened_is_asked_at_the_start_and_who_removes_the_app_is_gone_as_a_whole(
    grid: Grid, tmp_path: Path
) -> None:
    barn, loft = grid.barn, grid.loft
    notebook = Notebook()
    async with online(grid.own, tmp_path, notebook=notebook, installs=(grid.whole.id,)) as (bot, _):
        await install(bot, barn.slack)
        grid.whole.grant(barn.slack)
        await stands(notebook, barn, "open")
    grid.whole.granted[:] = [loft.slack]
    loft.ask("while nobody listened")
    async with online(grid.own, tmp_path, notebook=notebook, installs=(grid.whole.id,)) as (bot, _):
        await stands(notebook, barn, "gone")
        await stands(notebook, loft, "open")
        loft.ask("now")
        await notebook.until(lambda: any(event.text.endswith("now") for event in notebook.events))
        grid.whole.uninstall(loft.slack)
        await stands(notebook, loft, "gone")
        assert notebook.kept.secrets == {}
        for town in (barn, loft):
            with pytest.raises(Offline, match="the app was removed"):
                await bot.send(delivery(bot, TEXT, town.place))
        await install(bot, barn.slack)
        await stands(notebook, loft, "open")
        await bot.send(delivery(bot, TEXT, loft.place))


async def test_what_is_due_while_an_organisation_or_a_workspace_installs_anew_waits_and_others_go_on(
    grid: Grid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    barn, loft, notebook = grid.barn, grid.loft, Notebook()
    closing = slow_closing(monkeypatch)
    teams = (grid.whole.id, barn.slack.team_id)
    grid.own.installs.whole, barn.slack.bot_token = None, "xoxb-fake-barn"
    async with online(grid.own, tmp_path, notebook=notebook, installs=teams) as (bot, _):
        await install(bot, barn.slack)  # with a token of its own
        await stands(notebook, barn, "open")
        grid.own.installs.whole = grid.whole
        await install(bot, barn.slack)
        for town in (barn, loft):
            grid.whole.grant(town.slack)
        await stands(notebook, loft, "open")

        grid.whole.refuses = "token_revoked"
        anew = asyncio.create_task(install(bot, barn.slack))
        await closing.of(loft.slack.team_id)
        assert closing.asked == [loft.slack.team_id], "another's token is none of its business"
        with pytest.raises(Offline, match="is not connected"):
            await bot.send(delivery(bot, TEXT, loft.place))
        await bot.send(delivery(bot, TEXT, barn.place))
        closing.may.set()
        await anew
        await loft.slack.wait_until(lambda: grid.whole.token in {call.token for call in loft.slack.calls()})
        loft.ask("served again?")
        await notebook.next(1)
        await bot.send(delivery(bot, TEXT, loft.place))
        assert {call.token for call in barn.slack.calls("chat.postMessage")} == {barn.slack.bot_token}

        closing.may.clear()
        grid.own.installs.whole = None
        anew = asyncio.create_task(install(bot, barn.slack))
        await closing.of(barn.slack.team_id)
        with pytest.raises(Offline, match="is not connected"):
            await bot.send(delivery(bot, TEXT, barn.place, key="00ff00ff00ff00f2"))
        closing.may.set()
        await anew
        barn.ask("and here?")
        await notebook.next(2)
        await bot.send(delivery(bot, TEXT, barn.place, key="00ff00ff00ff00f2"))
        assert (barn.texts(), loft.texts()) == (["coo", "coo"], ["coo"])
        grid.whole.uninstall(loft.slack)
        await stands(notebook, loft, "gone")
        await eventually(lambda: notebook.kept.installs[grid.whole.id].ended)

    def asked() -> int:
        return sum(call.token == grid.whole.token for call in grid.own.calls("auth.test"))

    before = asked()
    async with online(grid.own, tmp_path, notebook=notebook, installs=teams) as (bot, _):
        await bot.send(delivery(bot, TEXT, barn.place, key="00ff00ff00ff00f3"))
        with pytest.raises(Offline, match="the app was removed"):
            await bot.send(delivery(bot, TEXT, loft.place))
        assert asked() == before, "an organisation that ended is asked for nothing"


async def test_workspaces_of_an_organisation_that_cannot_be_asked_wait_with_it_and_not_for_ever(
    grid: Grid, tmp_path: Path
) -> None:
    notebook, barn = Notebook(), grid.barn
    async with online(grid.own, tmp_path, notebook=notebook, installs=(grid.whole.id,)) as (bot, _):
        await install(bot, barn.slack)
        grid.whole.grant(barn.slack)
        await stands(notebook, barn, "open")
    grid.whole.refuses = "invalid_auth"
    async with online(grid.own, tmp_path, notebook=notebook, installs=(grid.whole.id,)) as (bot, _):
        with pytest.raises(Offline, match=r"organisation E\w+: invalid_auth.*until that is mended"):
            await bot.send(delivery(bot, TEXT, barn.place))
        for holder in (barn.slack.team_id, grid.whole.id):
            kept = notebook.kept.installs[holder]
            notebook.kept.installs[holder] = replace(kept, since=kept.since - KEPT_FOR)
    async with online(grid.own, tmp_path, notebook=notebook, installs=(grid.whole.id,)) as (bot, _):
        await stands(notebook, barn, "gone")
        with pytest.raises(Rejected, match="was not mended within 7 days"):
            await bot.send(delivery(bot, TEXT, barn.place))
        await install(bot, barn.slack)
        await stands(notebook, barn, "open")
        await bot.send(delivery(bot, TEXT, barn.place))
        assert {one.trouble for one in notebook.kept.installs.values()} == {""}


async def test_an_organisation_that_is_not_named_has_its_token_given_back(grid: Grid, tmp_path: Path) -> None:
    async with online(grid.own, tmp_path, installs=(grid.barn.slack.team_id,)) as (bot, notebook):
        said = await install(bot, grid.barn.slack)
        assert (said.status, f"this organisation, {grid.whole.id}," in said.text) == (403, True)
        assert grid.whole.refuses == "token_revoked"
        assert notebook.kept.secrets == {}


async def test_of_an_organisations_event_the_workspace_is_the_one_outside_where_none_is_inside(
    tmp_path: Path,
) -> None:
    from slack_bolt.context.async_context import AsyncBoltContext

    spaces = Workspaces(Slack(installs=("E0WHOLE",)), ("", "xapp-1"), tmp_path, Config())
    body = {"team_id": "T0BARN", "authorizations": [{"team_id": None, "is_enterprise_install": True}]}
    assert spaces.whose(body, AsyncBoltContext()) == "T0BARN"
    assert spaces.whose(body, AsyncBoltContext(team_id="T0LOFT")) == "T0LOFT"

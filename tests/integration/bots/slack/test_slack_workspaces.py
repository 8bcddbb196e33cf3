"""Several workspaces, in which the same ids name other people, channels and messages: each is served with its own token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from bots.slack import make
from bots.slack.bot import Secrets, SlackBot
from bots.slack.setup.preflight import SlackRefused
from host.config import Config, Slack, Web
from host.ports.bot import BotConfigError, Offline, Rejected, Surroundings, Unsent
from host.ports.conformance import Operator
from host.ports.installs import KEPT_FOR
from host.ports.people import Attempt, SignInError
from sessiondb import Address
from sessiondb.content import Question, Text
from tests.fakes.slack import Channel, FakeSlack, Fault, Message, User
from tests.support.discording import Notebook, connected
from tests.support.installing import agreed, began, install, slow_closing
from tests.support.signing_in import came_back
from tests.support.slack_app import free_port
from tests.support.slacking import PUBLIC, delivery, online
from tests.support.waiting import eventually

TEXT = Text("coo")


@dataclass
class Town:
    """A workspace with one channel and one person in it, who is called differently in each."""

    slack: FakeSlack
    ann: User
    channel: Channel

    @property
    def address(self) -> Address:
        return Address("slack", self.slack.team_id, self.channel.id)

    def texts(self) -> list[str]:
        return [message.text for message in self.slack.messages(self.channel) if message.bot_id]


def town(slack: FakeSlack, person: str) -> Town:
    ann = slack.add_user(person)
    return Town(slack, ann, slack.add_channel("general", members=[ann]))


@pytest.fixture
async def towns() -> AsyncIterator[tuple[Town, Town]]:
    async with FakeSlack(retry_delays=(0.1, 0.1, 0.1)) as slack:
        one, other = town(slack, "ann"), town(slack.add_workspace("Barn"), "zoe")
        assert (one.ann.id, one.channel.id, one.slack.bot_id) == (
            other.ann.id,
            other.channel.id,
            other.slack.bot_id,
        )
        yield one, other


async def sent(bot: SlackBot, place: Address, key: str = "00ff00ff00ff00ff") -> None:
    await bot.send(delivery(bot, TEXT, place, key=key))


async def served(notebook: Notebook, where: Town) -> None:
    """The bot says so once it is."""
    team = Address("slack", where.slack.team_id, "")
    await notebook.until(lambda: notebook.stands.get(team) == "open")


async def test_a_workspace_that_installs_the_app_is_served_at_once_and_with_its_own_token(
    towns: tuple[Town, Town], tmp_path: Path
) -> None:
    one, other = towns
    async with online(one.slack, tmp_path, installs=(other.slack.team_id,)) as (bot, notebook):
        with pytest.raises(Rejected, match="belongs to workspace"):
            await bot.send(delivery(bot, TEXT, other.address))
        said = await install(bot, other.slack)
        assert (said.status, "Installed in Barn" in said.text) == (200, True)
        await served(notebook, other)
        one.slack.say(one.ann, one.channel, f"{one.slack.mention()} here")
        here = await notebook.next(1)
        other.slack.say(other.ann, other.channel, f"{other.slack.mention()} there")
        there = await notebook.next(2)
        assert (here.author.name, there.author.name) == ("ann", "zoe")
        assert (here.natural_id, here.address.platform_id) == (there.natural_id, there.address.platform_id)
        assert here.address.workspace_id == one.slack.team_id
        assert there.address.workspace_id == other.slack.team_id
        assert here.key != there.key
        await sent(bot, other.address)
        assert (one.texts(), other.texts()) == ([], ["coo"])
        await sent(bot, one.address, "00ff00ff00ff00fe")
        assert (one.texts(), other.texts()) == (["coo"], ["coo"])
        assert {call.token for call in other.slack.calls()} == {other.slack.bot_token}


async def test_one_that_removes_the_app_is_served_no_more_until_it_installs_it_again(
    towns: tuple[Town, Town],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, other = towns
    everywhere = Address("slack", other.slack.team_id, "")
    async with online(one.slack, tmp_path, installs=(other.slack.team_id,)) as (bot, notebook):
        await install(bot, other.slack)
        await served(notebook, other)
        before = other.slack.bot_token
        other.slack.uninstall()
        await notebook.until(lambda: notebook.stands.get(everywhere) == "gone")
        assert notebook.kept.secrets == {}
        assert "the app was removed" in caplog.text
        with pytest.raises(
            Offline, match="the app was removed; it waits until the app is installed there again"
        ):
            await bot.send(delivery(bot, TEXT, other.address))
        await sent(bot, one.address)
        await install(bot, other.slack)
        await notebook.until(lambda: notebook.stands.get(everywhere) == "open")
        await sent(bot, other.address)
        assert (one.texts(), other.texts()) == (["coo"], ["coo"])
        assert before != other.slack.bot_token
        # Slack's word about the token before, which comes late, ends nothing: it is asked.
        other.slack.events.gone("tokens_revoked", tokens={"bot": [other.slack.bot_user_id]})
        other.slack.say(other.ann, other.channel, f"{other.slack.mention()} still there?")
        await notebook.next(1)
        assert notebook.stands[everywhere] == "open"
        # What is due while it is installed anew waits for that.
        closing = slow_closing(monkeypatch)
        anew = asyncio.create_task(install(bot, other.slack))
        await closing.of(other.slack.team_id)
        with pytest.raises(Offline, match="is not connected"):
            await sent(bot, other.address, "00ff00ff00ff00f2")
        closing.may.set()
        await anew
        other.slack.say(other.ann, other.channel, f"{other.slack.mention()} and now?")
        await notebook.next(2)
        await sent(bot, other.address, "00ff00ff00ff00f2")
        assert other.texts() == ["coo", "coo"]


async def test_one_that_removed_the_app_while_nobody_listened_is_known_by_its_refusal_and_waited_for_some_days(
    towns: tuple[Town, Town], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = towns
    notebook = Notebook()
    teams = (other.slack.team_id,)
    async with online(one.slack, tmp_path, notebook=notebook, installs=teams) as (bot, _):
        await install(bot, other.slack)
        await served(notebook, other)
    other.slack.say(other.ann, other.channel, f"{other.slack.mention()} while nobody listened")
    async with online(one.slack, tmp_path, notebook=notebook, installs=teams) as (bot, _):
        event = await notebook.next(1)
        assert event.text.endswith("while nobody listened")
        assert event.address.workspace_id == other.slack.team_id
    other.slack.refuses = "token_revoked"
    async with online(one.slack, tmp_path, notebook=notebook, installs=teams) as (bot, _):
        await notebook.until(lambda: notebook.kept.secrets == {})
        with pytest.raises(Offline, match="token was revoked"):
            await bot.send(delivery(bot, TEXT, other.address))
    async with online(one.slack, tmp_path, notebook=notebook, installs=teams) as (bot, _):
        with pytest.raises(Offline, match="token was revoked"):
            await bot.send(delivery(bot, TEXT, other.address))
    gone = notebook.kept.installs[other.slack.team_id]
    notebook.kept.installs[other.slack.team_id] = replace(gone, changed_at=gone.changed_at - KEPT_FOR)
    async with online(one.slack, tmp_path, notebook=notebook, installs=teams) as (bot, _):
        for way in (bot.send, bot.lookup):
            with pytest.raises(Rejected, match="was not installed again within 7 days"):
                await way(delivery(bot, TEXT, other.address))
        assert caplog.text.count("What was still to be said is given up") == 1
        other.slack.refuses = ""
        await install(bot, other.slack)
        await notebook.until(lambda: notebook.stands.get(other.address._replace(platform_id="")) == "open")
        await sent(bot, other.address)


async def test_one_whose_token_is_refused_waits_as_long_as_one_that_is_gone_and_is_told_of_until_it_is_mended(
    towns: tuple[Town, Town], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one, other = towns
    notebook, team = Notebook(), other.slack.team_id
    everywhere = Address("slack", team, "")
    async with online(one.slack, tmp_path, notebook=notebook, installs=(team,)) as (bot, _):
        await install(bot, other.slack)
        await served(notebook, other)
        other.slack.refuses = "invalid_auth"  # of which no event tells
        with pytest.raises(Unsent, match="refuses the token"):
            await sent(bot, other.address)
        await eventually(lambda: notebook.kept.installs[team].trouble)
        with pytest.raises(Offline, match=r"invalid_auth.*; it waits until that is mended, at most until"):
            await sent(bot, other.address)
        await sent(bot, one.address)
        assert notebook.stands[everywhere] == "open", "its tasks go on for now"
    since = notebook.kept.installs[team].since
    other.slack.refuses = ""
    other.slack.scopes.discard("chat:write")
    async with online(one.slack, tmp_path, notebook=notebook, installs=(team,)) as (bot, _):
        with pytest.raises(Offline, match=r"the scopes chat:write are missing"):
            await sent(bot, other.address)
    assert notebook.kept.installs[team].since == since, "it was not served in between"
    notebook.kept.installs[team] = replace(notebook.kept.installs[team], since=since - KEPT_FOR)
    async with online(one.slack, tmp_path, notebook=notebook, installs=(team,)) as (bot, _):
        await notebook.until(lambda: notebook.stands[everywhere] == "gone")
        for way in (bot.send, bot.lookup):
            with pytest.raises(Rejected, match=r"are missing.*, and that was not mended within 7 days"):
                await way(delivery(bot, TEXT, other.address))
        assert caplog.text.count("What was still to be said is given up") == 1
        other.slack.scopes.add("chat:write")
        await install(bot, other.slack)
        await notebook.until(lambda: notebook.stands[everywhere] == "open")
        await sent(bot, other.address)
        assert (notebook.kept.installs[team].trouble, notebook.kept.installs[team].since) == ("", 0)


async def test_a_workspace_that_slack_does_not_tell_of_is_tried_again_and_holds_up_no_other(
    towns: tuple[Town, Town], tmp_path: Path
) -> None:
    one, other = towns
    async with online(one.slack, tmp_path, installs=(other.slack.team_id,)) as (bot, notebook):
        one.slack.faults.next("users.conversations", Fault.refuse("fatal_error"))
        await install(bot, other.slack)
        await sent(bot, one.address)
        await served(notebook, other)
        assert notebook.kept.secrets


async def test_an_installation_ends_with_a_word_where_it_is_not_wanted(
    towns: tuple[Town, Town], tmp_path: Path
) -> None:
    one, other = towns
    third = one.slack.add_workspace("Coop")
    async with online(one.slack, tmp_path, installs=(other.slack.team_id,)) as (bot, notebook):
        not_named = await install(bot, third)
        assert not_named.status == 403
        assert third.team_id in not_named.text
        assert third.refuses == "token_revoked", "a token that is not kept is given back"
        assert "served already" in (await install(bot, one.slack)).text
        assert one.slack.refuses == "", "Slack gave out its own token once more"
        address, cookie = await began(bot)
        other.slack.installs.where = other.slack, other.ann
        back = await agreed(address)
        assert "another browser" in (await bot.install("oauth_redirect", back, "")).text
        assert (
            "another browser" in (await bot.install("oauth_redirect", back, "slack-app-oauth-state=x")).text
        )
        assert (await bot.install("oauth_redirect", back, cookie)).status == 200
        assert "used up" in (await bot.install("oauth_redirect", back, cookie)).text
        made_up = f"code=x&state={(await began(bot))[1].partition('=')[2]}"
        assert (
            "refuses"
            in (await bot.install("oauth_redirect", made_up, f"slack-app-oauth-state={made_up[13:]}")).text
        )
        other.slack.installs.where = None
        address, cookie = await began(bot)
        assert "did not agree" in (await bot.install("oauth_redirect", await agreed(address), cookie)).text
        assert set(notebook.kept.secrets) == {other.slack.team_id}
    assert (await bot.install("install", "", "")).status == 404, "it does not run"


def test_a_start_says_what_is_missing_for_installations(tmp_path: Path) -> None:
    def said(environment: dict[str, str], **sections: object) -> str:
        config = Config(slack=Slack(installs=("T012AB3CD",)), **sections)  # type: ignore[arg-type]
        with pytest.raises(BotConfigError) as refused:
            make(Surroundings(config, tmp_path, environment))
        return str(refused.value)

    nothing = said({})
    for name in (
        "SLACK_APP_TOKEN",
        "SLACK_CLIENT_ID",
        "SLACK_CLIENT_SECRET",
        "DOVECOTE_SEAL_KEY",
        "web.public_url",
    ):
        assert name in nothing
    assert "SLACK_BOT_TOKEN" not in nothing
    whole = {
        "SLACK_APP_TOKEN": "xapp-1",
        "SLACK_CLIENT_ID": "1.2",
        "SLACK_CLIENT_SECRET": "s",
        "DOVECOTE_SEAL_KEY": "k" * 32,
    }
    assert said(whole) == "Slack: web.public_url not set. docs/slack.md says where to find it."
    config = Config(slack=Slack(installs=("T012AB3CD",)), web=Web(public_url=PUBLIC))
    assert isinstance(make(Surroundings(config, tmp_path, whole)), SlackBot)


async def test_without_a_token_of_its_own_the_bot_begins_with_nobody(
    towns: tuple[Town, Town], tmp_path: Path
) -> None:
    one, other = towns
    notebook = Notebook()
    secrets = Secrets(
        "", one.slack.app_token, "", one.slack.sign_ins.client_id, one.slack.sign_ins.client_secret
    )
    teams = (one.slack.team_id, other.slack.team_id)
    settings = Slack(api_url=one.slack.api_url, message_interval=0.01, installs=teams)
    bot = SlackBot(settings, secrets, tmp_path, None, PUBLIC)
    async with connected(bot, notebook):
        for each in (one, other):
            assert (await install(bot, each.slack)).status == 200
            await served(notebook, each)
        one.slack.say(one.ann, one.channel, f"{one.slack.mention()} here")
        other.slack.say(other.ann, other.channel, f"{other.slack.mention()} there")
        await notebook.next(2)
        assert {event.address.workspace_id: event.author.name for event in notebook.events} == {
            one.slack.team_id: "ann",
            other.slack.team_id: "zoe",
        }
        with pytest.raises(Rejected):
            await bot.send(delivery(bot, TEXT, one.address._replace(workspace_id="")))


async def test_people_of_each_workspace_sign_in_to_the_page_and_read_what_is_theirs(
    towns: tuple[Town, Town], tmp_path: Path
) -> None:
    one, other = towns
    back = f"{PUBLIC}/signin/slack/back"
    one.slack.sign_ins.redirect_urls.append(back)
    attempt = Attempt(back, "the-state", "the-nonce", "v" * 43)
    async with online(one.slack, tmp_path, installs=(other.slack.team_id,)) as (bot, notebook):
        assert f"team={one.slack.team_id}" in bot.sign_in_at(attempt)
        await install(bot, other.slack)
        await served(notebook, other)
        assert "team=" not in bot.sign_in_at(attempt), "Slack asks for it"
        for where, name in ((one, "ann"), (other, "zoe")):
            one.slack.sign_ins.person, one.slack.sign_ins.team = where.ann, where.slack.team_id
            viewer = await bot.who((await came_back(bot, attempt))["code"], attempt)
            assert (viewer.author.name, viewer.address.workspace_id) == (name, where.slack.team_id)
            channels = [one.address, other.address]
            assert await bot.readable_now(viewer.address, viewer.author.id, channels) == {where.address}
            assert (await bot.as_now(viewer.address, viewer.author.id)).author.name == name
        one.slack.sign_ins.team = "T0ELSEWHERE"
        with pytest.raises(SignInError, match="do not work in that workspace"):
            await bot.who((await came_back(bot, attempt))["code"], attempt)
        other.slack.uninstall()
        await notebook.until(lambda: not notebook.kept.secrets)
        with pytest.raises(SignInError, match="the app was removed"):
            await bot.as_now(other.address, other.ann.id)


async def test_a_click_by_somebody_of_another_workspace_is_about_the_one_in_which_the_card_stands(
    towns: tuple[Town, Town], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a shared channel Slack names the team of whoever clicked, which may have the app, too, and other questions."""
    monkeypatch.setenv("FAKE_PAYLOADS", "full")  # a message need not say of which team its author is
    one, other = towns
    async with online(one.slack, tmp_path, installs=(other.slack.team_id,)) as (bot, notebook):
        await install(bot, other.slack)
        await served(notebook, other)
        asked = delivery(
            bot, Question("Which?", ("red", "blue")), one.address, question="q1", audience=(one.ann.id,)
        )
        await bot.send(asked)
        [card] = [message for message in one.slack.messages(one.channel) if message.bot_id]
        click = one.slack.click(one.ann, card, value=first_value(card))
        await click.acknowledged()
        clicked = await notebook.next(1)
        assert (clicked.refers_to, clicked.address.workspace_id) == ("q1", one.slack.team_id)
        theirs = {
            **click.payload,
            "team": {"id": other.slack.team_id, "domain": "barn"},
            "trigger_id": "1.other",
        }
        theirs["actions"] = [{**theirs["actions"][0], "action_ts": "1.000002"}]
        await one.slack.courier.submit("interactive", theirs).acknowledged()
        stranger = {**theirs, "team": {"id": "T0ELSEWHERE", "domain": "x"}, "trigger_id": "1.stranger"}
        await one.slack.courier.submit("interactive", stranger).acknowledged()
        assert {event.address.workspace_id for event in notebook.events} == {one.slack.team_id}


def first_value(card: Message) -> str:
    return str(next(e["value"] for block in card.blocks for e in block.get("elements", ()) if "value" in e))


async def test_the_doctor_tries_the_apps_token_where_there_is_no_workspace_of_its_own(
    towns: tuple[Town, Town], tmp_path: Path
) -> None:
    one, other = towns
    for token, well in ((one.slack.app_token, True), ("xapp-wrong", False)):
        settings = Slack(api_url=one.slack.api_url, installs=(other.slack.team_id,))
        bot = SlackBot(settings, Secrets("", token), tmp_path, None, PUBLIC)
        if well:
            seen = [finding.seen for finding in await bot.look(Config())]
            assert seen == ["the app's token is good"]
        else:
            with pytest.raises(SlackRefused, match="SLACK_APP_TOKEN"):
                await bot.look(Config())
        with pytest.raises(BotConfigError, match="SLACK_BOT_TOKEN, which is not set"):
            await bot.conformance(Config(), "C1", Operator(lambda _: None, 0.0))


async def test_without_sockets_one_address_takes_the_signed_requests_of_all(
    towns: tuple[Town, Town], tmp_path: Path
) -> None:
    one, other = towns
    port, teams = free_port(), (other.slack.team_id,)
    async with online(one.slack, tmp_path, mode="http", port=port, installs=teams) as (bot, notebook):
        await one.slack.use_http(f"http://127.0.0.1:{port}/slack/events")
        await install(bot, other.slack)
        await served(notebook, other)
        for number, (where, name) in enumerate(((one, "ann"), (other, "zoe")), 1):
            where.slack.say(where.ann, where.channel, f"{where.slack.mention()} hello")
            event = await notebook.next(number)
            assert (event.author.name, event.address.workspace_id) == (name, where.slack.team_id)
        await other.slack.slash(other.ann, other.channel, "/dovecote", "usage").acknowledged()
        assert [len(where.slack.ephemerals(where.ann)) for where in towns] == [0, 1]
        other.slack.uninstall()
        await notebook.until(lambda: not notebook.kept.secrets)
        await other.slack.slash(other.ann, other.channel, "/dovecote", "usage").acknowledged()
        assert "has to be installed in it" in other.slack.ephemerals(other.ann)[-1].text

"""Two workspaces of Slack in one Dovecote, with the same ids for people, channels and messages, through the whole system."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.support import on_slack
from tests.support.on_slack import Office
from tests.support.slack_app import free_port
from tests.support.waiting import eventually

NAME = "dovecote.example.com"


@dataclass
class Two:
    """The first has SLACK_BOT_TOKEN; the other may install the app."""

    one: Office
    other: Office
    port: int

    async def start(self) -> None:
        app = self.one.slack.sign_ins
        await self.one.start(
            SLACK_CLIENT_ID=app.client_id,
            SLACK_CLIENT_SECRET=app.client_secret,
            DOVECOTE_SEAL_KEY="a key that somebody chose for this",
        )

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
        owners = f'owners = ["slack:{one.slack.team_id}/U0OWNER", "slack:{other.slack.team_id}/U0OWNER"]'
        one.configure(slack=f'installs = ["{other.slack.team_id}"]', access=owners, more=web)
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


async def test_one_that_removes_the_app_is_told_of_and_the_other_goes_on(two: Two) -> None:
    await two.start()
    await two.install()
    await two.answered("first")
    two.other.slack.uninstall()
    await eventually(lambda: "the app was removed; it is served no more" in two.one.log())
    root = two.one.ask("alone")
    await two.one.answered(root)

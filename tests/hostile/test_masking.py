"""Secrets that an agent has read by the way and repeats: in whatever it posts, and however it writes them."""

from __future__ import annotations

import html
import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from bots.markup import clean
from host.governance import secrecy
from host.mailbox import questions
from host.runners.launch.fake import FakeLauncher
from sessiondb import approving, content
from sessiondb.signals import Progress
from tests.fakes.platform import MemoryBot
from tests.support.attacked import two_sessions
from tests.support.attacks import FINE, Target, answer, database, insert
from tests.support.hosting import config, serving
from tests.support.redteam import Seat, attack

pytestmark = attack(Seat.CONTAINER, 9)

HOSTS_OWN = "correct-horse-battery"  # what DEPLOY_TOKEN is here
TOKEN = "ghp_" + "Zk3Qw8Rt5Yp1Lm7Nc4Vb6Xs9Df2Gh0Jj8Ka5"
PIECE = 8  # signs of it that tell too much


class Telling(MemoryBot):
    """People see all of an operation, in pieces of a small message."""

    def render(
        self, operation: content.Operation, *, plain: bool = False, mentions: Sequence[str] = ()
    ) -> Sequence[dict[str, Any]]:
        shown = {name: told for name, told in content.fields_of(operation).items() if name != "call"}
        text = json.dumps(shown, default=content.fields_of, ensure_ascii=False)
        return [{"text": text[start : start + 300]} for start in range(0, len(text), 300)]


@pytest.fixture
def standing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if not request.param:
        monkeypatch.setattr(secrecy.Rules, "hide", lambda _, text: (text, Counter()))
        monkeypatch.setattr(secrecy.Rules, "said", lambda _, text: text)
    return bool(request.param)


indirectly = pytest.mark.parametrize("standing", [True, False], ids=["standing", "taken_away"], indirect=True)


def got_out(said: Sequence[str], secret: str) -> bool:
    """Also by a piece at the end or the beginning of a message, when markup has been taken off."""
    said = [clean.tidy(re.sub(r"\\u00[01].|\\\\|\*\*|</?b>", "", html.unescape(one))) for one in said]
    pieces = [secret[at : at + PIECE] for at in range(4, len(secret) - PIECE)]
    return any(piece in one for piece in pieces for one in said)


def call(secret: str) -> content.Question:
    """Its card is cut within the secret."""

    def told(before: int) -> str:
        return approving.spelled("bash", {"command": f"{'x' * before} {secret}"})

    first = approving.shown(told(0)).index(secret)
    told_whole = told(questions.LONGEST_SHOWN - first - 4 - PIECE - 2)
    return content.Question("May I?", approval="bash", call=told_whole)


OPERATIONS: dict[str, Callable[[str], content.Outbound]] = {
    "an answer": lambda secret: content.Text(f"It is {secret}."),
    "over the end of a message": lambda secret: content.Text(f"{'x' * 275} {secret} and more"),
    "a long answer": lambda secret: content.Text(f"{'word ' * 2_000}{secret} and more"),
    "a card's title": lambda secret: content.Card(f"of {secret}"),
    "a card's field": lambda secret: content.Card("of", fields=(content.Field("key", secret),)),
    "a card's link": lambda secret: content.Card("of", url=f"https://a.example/?key={secret}"),
    "a document": lambda secret: content.Document(f"of {secret}", f"# It is\n\n{secret}", f"with {secret}"),
    "a question's option": lambda secret: content.Question("Which?", (secret, "no")),
    "a question": lambda secret: content.Question(f"Is it {secret}?", ("yes", "no")),
    "a call that needs a yes": call,
}


async def posted(folder: Path, monkeypatch: pytest.MonkeyPatch, row: content.Outbound) -> list[str]:
    monkeypatch.setenv("DEPLOY_TOKEN", HOSTS_OWN)
    launcher, bot = FakeLauncher(), Telling()
    async with serving(config(folder), bot, launcher) as (_, _):
        target = await two_sessions(bot, launcher)
        with database(target) as connection:
            insert(connection, target, 1, "leaks", content=content.encode(row))
        answer(target)
        await bot.until(lambda: any(FINE in one for one in bot.said("bad")))
        return bot.said("bad")


@indirectly
@pytest.mark.parametrize("secret", [TOKEN, HOSTS_OWN], ids=["a token", "the host's own"])
@pytest.mark.parametrize("where", OPERATIONS)
async def test_a_secret_is_posted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, secret: str, standing: bool
) -> None:
    said = await posted(tmp_path, monkeypatch, OPERATIONS[where](secret))

    assert got_out(said, secret) is not standing


WRITTEN: dict[str, Callable[[str], str]] = {
    "with escapes": lambda secret: secret.replace("_", "\\_").replace("-", "\\-"),
    "with emphasis": lambda secret: f"{secret[:2]}**{secret[2:9]}**{secret[9:]}",
    "with a sign of no width": lambda secret: f"{secret[:2]}\u200b{secret[2:]}",
    "as in a file of UTF-16": lambda secret: "\0".join(secret),
    "as for a terminal": lambda secret: f"{secret[:2]}\x9b{secret[2:7]}\x7f{secret[7:]}",
    "with signs that tag a language": lambda secret: f"{secret[:6]}\U000e0001\U000e0065{secret[6:]}",
    "with an element": lambda secret: f"{secret[:6]}<b>{secret[6:]}</b>",
    "with a reference to nothing": lambda secret: (
        f"{secret[:2]}&ZeroWidthSpace;{secret[2:6]}&shy;{secret[6:]}"
    ),
    "with references": lambda secret: secret.replace("_", "&#95;").replace("-", "&#45;"),
    "with an empty link": lambda secret: f"{secret[:8]}[](https://a.example){secret[8:]}",
    "encoded in an address": lambda secret: f"<https://a.example/{secret[:8]}%00{secret[8:]}>",
    "in a block of code": lambda secret: f"```\n{secret}\n```",
    "in a table": lambda secret: f"| a | b |\n|---|---|\n| key | {secret} |",
    "as a link's label": lambda secret: f"[{secret}](https://a.example)",
    "in JSON": lambda secret: json.dumps({"lines": f"first\n{secret}\nlast"}),
    "a second time": lambda secret: f"{secret} {secret}",
}


@indirectly
@pytest.mark.parametrize("secret", [TOKEN, HOSTS_OWN], ids=["a token", "the host's own"])
@pytest.mark.parametrize("how", WRITTEN)
async def test_a_secret_is_posted_in_a_disguise_that_markup_takes_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str, secret: str, standing: bool
) -> None:
    said = await posted(tmp_path, monkeypatch, content.Text(f"See {WRITTEN[how](secret)}"))

    assert got_out(said, secret) is not standing


def progressing(target: Target, incarnation: str, text: str, status: str = "") -> None:
    Progress(incarnation, target.message_id, status, text).write(target.folder.progress)


@indirectly
@pytest.mark.parametrize("length", [12, 20, len(TOKEN)])
async def test_the_beginning_of_a_secret_is_shown_while_it_is_being_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int, standing: bool
) -> None:
    launcher, bot = FakeLauncher(), Telling()
    async with serving(config(tmp_path), bot, launcher) as (host, _):
        target = await two_sessions(bot, launcher)
        [runner] = [one for one in launcher.started if one.spec.folder == target.folder]
        [session] = await host.house.scheduler.sessions([target.folder.root.name])
        progressing(target, runner.spec.incarnation, f"It is {TOKEN[:length]}", f"using {TOKEN}…")
        host.house.board.look(session)
        await bot.until(lambda: any("It is" in one.text for one in bot.shown))

    said = [f"{one.text} {one.status}" for one in bot.shown]
    assert got_out(said, TOKEN) is not standing

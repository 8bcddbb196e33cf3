"""What is large is rendered in a process apart, in bounded time, and looks as it would have looked on the spot."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bots.discord.bot import DiscordBot
from bots.slack.bot import Secrets, SlackBot
from host.config import Slack
from host.delivery import drawing
from host.delivery.drawing import TOO_LONG, Drawing, Drawn, Large, at_once
from host.delivery.pace import AT_ONCE, Pace, of_a_core
from host.ports.bot import Bot, Capabilities
from sessiondb import content
from tests.fakes.platform import MemoryBot
from tests.support.hosting import config

LONG = "# Report\n\n" + "A *line* of [words](https://example.org) and `code`.\n" * 100


def slack(folder: Path) -> SlackBot:
    return SlackBot(Slack(), Secrets("xoxb-1", "xapp-1", "s"), folder)


def discord(folder: Path) -> DiscordBot:
    return DiscordBot(config(folder), folder, "token")


def rendering_by(name: str) -> MemoryBot:
    bot = MemoryBot()
    bot.capabilities = replace(bot.capabilities, drawn_by=f"tests.support.rendering:{name}")
    return bot


@pytest.fixture
async def quick() -> AsyncIterator[Drawing]:
    made = Drawing(Pace(time.monotonic), processes=1, deadline=6.0)
    yield made
    await made.close()


@pytest.fixture
async def patient() -> AsyncIterator[Drawing]:
    made = Drawing(Pace(time.monotonic), processes=1, deadline=60.0)
    yield made
    await made.close()


@pytest.mark.parametrize("make", [slack, discord])
async def test_a_platforms_long_text_looks_the_same_wherever_it_is_rendered(
    tmp_path: Path, make: Any, patient: Drawing
) -> None:
    bot: Bot = make(tmp_path)
    for operation in (content.Text(LONG), content.Edit("m1", LONG), content.Card("T", LONG)):
        drawn = await patient.draw(Large("row", bot, operation, ("7", "8")), "s")
        assert drawn == _as_lists(at_once(bot, operation, ("7", "8")))
        assert drawn.chunks


def _as_lists(drawn: Drawn) -> Drawn:
    return replace(drawn, chunks=list(drawn.chunks))


async def test_the_hosts_own_words_are_told_where_they_are_rendered(tmp_path: Path, patient: Drawing) -> None:
    asked = content.Question(LONG, ("Yes",), free_text=True)
    drawn = await patient.draw(Large("row", slack(tmp_path), asked, (), "ja"), "s")
    [_, words] = drawn.chunks[-1]["blocks"][-1]["elements"]
    assert words["text"]["text"] == "言葉で答える…"


async def test_a_bot_that_renders_cheaply_does_it_on_the_spot(patient: Drawing) -> None:
    drawn = await patient.draw(Large("row", MemoryBot(), content.Text(LONG), ()), "s")
    assert "".join(chunk["text"] for chunk in drawn.chunks) == LONG


async def test_what_takes_too_long_with_its_marks_is_shown_without(quick: Drawing) -> None:
    drawn = await quick.draw(Large("row", rendering_by("render_plainly"), content.Text(LONG), ("7",)), "s")
    assert [chunk["text"] for chunk in drawn.chunks] == [LONG[:10], "1"]


@pytest.mark.parametrize("how", ["render_forever", "render_and_die", "render_out_of_memory"])
async def test_what_cannot_be_rendered_is_said_and_the_next_is_rendered(
    quick: Drawing, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    [chunk] = (await quick.draw(Large("row", rendering_by(how), content.Text(LONG), ()), "s")).chunks
    assert chunk == {"text": TOO_LONG}
    monkeypatch.setattr(quick, "_deadline", 60.0)  # what can be rendered need not be fast
    drawn = await quick.draw(Large("row", rendering_by("render_much"), content.Text(LONG), ()), "another")
    assert (len(drawn.chunks), drawn.parts) == (200, 1_000)


async def test_a_text_beyond_all_measure_is_shown_without_its_marks(
    quick: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "LARGEST_MARKED", 1_000)
    drawn = await quick.draw(Large("row", rendering_by("render_plainly"), content.Text(LONG), ()), "s")
    assert len(drawn.chunks) == 2


async def test_a_client_that_goes_away_leaves_no_half_conversation(quick: Drawing) -> None:
    endless = asyncio.create_task(
        quick.draw(Large("row", rendering_by("render_forever"), content.Text(LONG), ()), "s")
    )
    for _ in range(3):
        await asyncio.sleep(0)
    endless.cancel()
    with pytest.raises(asyncio.CancelledError):
        await endless
    drawn = await quick.draw(Large("row", rendering_by("render_much"), content.Text(LONG), ()), "s")
    assert drawn.parts == 1_000


async def test_what_it_takes_of_a_core_to_render_is_owed_by_its_session_and_by_nobody_else(
    quick: Drawing,
) -> None:
    """Killed or not; the time in which a busy machine does not let it run is nobody's."""
    pace = Pace(lambda: 0.0)
    quick._pace = pace
    await quick.draw(Large("row", rendering_by("render_much"), content.Text(LONG), ()), "short")
    assert pace.wait("short") == 0.0
    await quick.draw(Large("row", rendering_by("render_forever"), content.Text(LONG), ()), "long")
    assert pace._owed["long"] > 10 * pace._owed["short"]
    assert pace._owed["long"] <= of_a_core(60.0)


def test_a_tenth_of_a_core_is_what_all_get_who_have_had_much_rendered() -> None:
    clock = 0.0
    pace = Pace(lambda: clock)
    pace.read("s", of_a_core(1.0) + AT_ONCE)
    clock = 9.9
    assert pace.wait("s") > 0
    clock = 10.1
    assert pace.wait("s") == 0


async def test_nobody_pays_for_a_process_that_is_not_there_in_time(
    quick: Drawing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drawing, "START_DEADLINE", 0.0)
    pace = Pace(time.monotonic)
    quick._pace = pace
    [chunk] = (
        await quick.draw(Large("row", rendering_by("render_much"), content.Text(LONG), ()), "s")
    ).chunks
    assert chunk == {"text": TOO_LONG}
    assert not pace._owed


def test_every_platform_names_what_renders_for_it() -> None:
    for bot in (SlackBot, DiscordBot):
        assert bot.capabilities.drawn_by.startswith("bots.")
    assert Capabilities().drawn_by == ""

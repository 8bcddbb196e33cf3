"""What an agent draws in its container, and its tables, as Discord shows them in line."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from tests.support.dockers import clean_up
from tests.support.plotting import LOFTS, ORDER, TOOLS
from tests.support.town import Town

pytest_plugins = ["tests.support.engine"]


@pytest.mark.docker
async def test_a_plot_of_a_script_in_the_container_is_shown_in_line_with_words_for_who_does_not_see_it(
    town: Town, image: str
) -> None:
    town.config = f"[agents.default]\n{TOOLS}"
    town.launcher = f'launcher = "docker"\nimage = "{image}"'
    try:
        await town.up()
        question = town.discord.say(town.ada, town.channel, f"{ORDER}\nThat is the plot.", mention_bot=True)
        thread = await town.answered(question, 2)
        await town.down()
    finally:
        clean_up(town.folder / "data", image)
    [plot] = [one for message in town.discord.messages(thread) for one in message.attachments]
    assert (plot.filename, plot.content_type, plot.description) == ("plot.png", "image/png", "Birds by loft")
    assert Image.open(io.BytesIO(plot.data)).size == (32, 32)


async def test_a_table_stands_in_columns_of_even_width(town: Town) -> None:
    await town.up()
    question = town.discord.say(town.ada, town.channel, f"The lofts:\n\n{LOFTS}", mention_bot=True)
    [said] = town.said(await town.answered(question))
    rows = [line for line in said.splitlines() if "North" in line or "South" in line]
    assert "```" in said
    assert len({line.rstrip().rindex(" ") for line in rows}) == 1

"""What an agent draws in its container, and its tables, as Slack shows them in line."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from tests.support import on_slack
from tests.support.dockers import clean_up
from tests.support.on_slack import PATIENCE, Office
from tests.support.plotting import LOFTS, ORDER, TOOLS

pytest_plugins = ["tests.support.engine"]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with on_slack.office(tmp_path) as made:
        yield made


@pytest.mark.docker
async def test_a_plot_of_a_script_in_the_container_is_shown_in_line_with_words_for_who_does_not_see_it(
    office: Office, image: str
) -> None:
    office.configure(more=f"[agents.default]\n{TOOLS}")
    file = office.folder.path / "dovecote.toml"
    file.write_text(
        file.read_text("utf-8").replace('launcher = "process"', f'launcher = "docker"\nimage = "{image}"')
    )
    try:
        await office.start()
        root = office.ask(f"{ORDER}\nThat is the plot.")
        shown = await office.slack.wait_until(
            lambda: [one for message in office.shown(root) for one in message.files], PATIENCE
        )
        await office.stop()
    finally:
        clean_up(office.folder.path / "data", image)
    [plot] = shown
    assert (plot.name, plot.alt_text) == ("plot.png", "Birds by loft")
    assert Image.open(io.BytesIO(plot.content or b"")).size == (32, 32)


async def test_a_table_is_slacks_own_with_numbers_that_are_sorted_as_numbers(office: Office) -> None:
    await office.start()
    [answer] = await office.answered(office.ask(f"The lofts:\n\n{LOFTS}\n\nThat is all."))
    assert [block["type"] for block in answer.blocks][:3] == ["markdown", "data_table", "markdown"]
    _, north, south = answer.blocks[1]["rows"]
    assert [north[1]["value"], south[1]["value"]] == [12, 3]
    assert "North" in answer.text, "notifications say it in words"

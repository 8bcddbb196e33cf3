"""How a message begins as it was typed: behind the bot's name, and nothing where somebody else is named."""

from __future__ import annotations

import pytest

from bots.common.opening import LONGEST, opening
from bots.slack.reading import saying
from bots.slack.reading.names import Names

ME = Names(people={"UME": "dove", "UADA": "ada"}, me="UME")


@pytest.mark.parametrize(
    ("typed", "begins"),
    [
        ("Ada, look", "Ada, look"),
        ("  <@1> Ada, look", "Ada, look"),
        ("<@1>, <@!1>: Ada, look", "Ada, look"),
        ("<@2> Ada, look", ""),
        ("<@1> <@2> Ada, look", ""),
        ("<#9> is for Ada", ""),
        ("<@1>", ""),
        ("", ""),
        ("x" * 500, "x" * LONGEST),
    ],
)
def test_the_bots_name_is_passed_over_and_nobody_elses(typed: str, begins: str) -> None:
    assert opening(typed, ["<@1>", "<@!1>"]) == begins


@pytest.mark.parametrize(
    ("text", "begins"),
    [
        ("<@UME> @ada what &amp; why", "@ada what & why"),
        ("<@UME|dove> Ada, look", "Ada, look"),
        ("<@UADA> what", ""),
        ("<!here> Ada, look", ""),
        ("&lt;@UADA&gt; what", "<@UADA> what"),
        ("&gt; Ada, look", "> Ada, look"),
    ],
)
def test_on_slack_somebody_who_is_mentioned_is_no_agent_of_their_name(text: str, begins: str) -> None:
    """What is shown of both is the same: "@ada what"."""
    assert saying.said({"text": text}, ME).opening == begins

"""Where the bot's token may go."""

from __future__ import annotations

from pathlib import Path

import pytest
from slack_sdk.web.async_client import AsyncWebClient

from bots.slack.reading.fetching import Fetching
from host.ports.bot import FetchError
from host.ports.events import IncomingFile

API = "https://slack.com/api/"


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/f.csv",
        "http://files.slack.com/f.csv",
        "https://slack.com.evil.example/f.csv",
        "https://notslack.com/f.csv",
        "file:///etc/passwd",
    ],
)
async def test_a_file_elsewhere_never_sees_the_token(tmp_path: Path, url: str) -> None:
    with pytest.raises(FetchError, match="does not lie with Slack"):
        await Fetching(AsyncWebClient("xoxb-1"), API, "xoxb-1").fetch(
            IncomingFile("f", "text/csv", 1, url), tmp_path / "f", 10
        )

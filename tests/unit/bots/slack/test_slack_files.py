"""Where the bot's token may go."""

from __future__ import annotations

from pathlib import Path

import pytest

from bots.slack.sending.files import download
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
        await download(API, "xoxb-1", IncomingFile("f", "text/csv", 1, url), tmp_path / "f", 10)

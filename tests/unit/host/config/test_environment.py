"""Settings as people's editors and secret stores leave them."""

from __future__ import annotations

from pathlib import Path

import pytest

from bots import discord, slack
from host import config as configuration
from host.config import Config, tidied, unfit
from host.ports.bot import BotConfigError, Surroundings


def test_a_file_from_windows_is_read_as_any_other(tmp_path: Path) -> None:  # config_bom
    file = tmp_path / "dovecote.toml"
    file.write_bytes(b'\xef\xbb\xbfdata = "elsewhere"\r\n[host]\r\nbells = false\r\n')
    config = configuration.load(file)
    assert (str(config.data), config.host.bells) == ("elsewhere", False)


@pytest.mark.parametrize("around", ["{}\n", "{}\r\n", " {}\t", '"{}"', "'{}'\n", "\ufeff{}\n"])
def test_what_surrounds_a_secret_is_no_part_of_it(around: str) -> None:  # config_token_newline
    given = {"SLACK_BOT_TOKEN": around.format("xoxb-1"), "PATH": " kept "}
    assert tidied(given) == {"SLACK_BOT_TOKEN": "xoxb-1", "PATH": " kept "}


@pytest.mark.parametrize("value", ["xoxb-1\nxoxb-2", "xoxb 1", "xoxb-1\x07", "xoxb–1"])
def test_what_stands_inside_a_secret_and_fits_no_header_is_said_by_name(value: str, tmp_path: Path) -> None:
    assert unfit(value)
    with pytest.raises(BotConfigError, match="SLACK_APP_TOKEN"):
        slack.make(Surroundings(Config(), tmp_path, {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": value}))
    with pytest.raises(BotConfigError, match="DISCORD_BOT_TOKEN"):
        discord.make(Surroundings(Config(), tmp_path, {"DISCORD_BOT_TOKEN": value}))

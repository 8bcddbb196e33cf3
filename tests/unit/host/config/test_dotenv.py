"""`.env`: what people write into it, what a shell or a service sets over it, and who may read it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from host.config import ConfigError, dotenv


def test_it_stands_beside_the_configuration(tmp_path: Path) -> None:
    assert dotenv.beside(None) == Path(".env")
    assert dotenv.beside(tmp_path / "team.toml") == tmp_path / ".env"


@pytest.mark.parametrize(
    "line",
    [
        "SLACK_BOT_TOKEN=xoxb-1",
        "export SLACK_BOT_TOKEN=xoxb-1",
        "SLACK_BOT_TOKEN = 'xoxb-1'  # the bot's",
        'SLACK_BOT_TOKEN="xoxb-1"\r',
        "\ufeffSLACK_BOT_TOKEN=xoxb-1",
    ],
)
def test_each_way_to_write_a_setting_is_read(tmp_path: Path, line: str) -> None:
    (tmp_path / ".env").write_text(f"{line}\n# a remark\n\nEMPTY=\n", "utf-8")
    assert dotenv.read(tmp_path / ".env") == {"SLACK_BOT_TOKEN": "xoxb-1", "EMPTY": ""}


def test_a_dollar_in_a_secret_is_a_dollar(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A_SECRET=pa$$word${HOME}\n")
    assert dotenv.read(tmp_path / ".env") == {"A_SECRET": "pa$$word${HOME}"}


def test_no_file_sets_nothing(tmp_path: Path) -> None:
    assert dotenv.read(tmp_path / ".env") == {}


def test_what_the_environment_says_wins_and_what_it_leaves_empty_does_not(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("ONE=file\nTWO=file\nTHREE=file\n")
    environment = {"ONE": "shell", "TWO": ""}
    dotenv.take_in(tmp_path / ".env", environment)
    assert environment == {"ONE": "shell", "TWO": "file", "THREE": "file"}


def test_lines_that_are_no_setting_are_all_named_with_their_numbers(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("A=1\nmy token\n# fine\nB='open\nC=2\n")
    with pytest.raises(ConfigError) as caught:
        dotenv.read(file)
    assert [fault.line for fault in caught.value.faults] == [2, 4]
    assert f"{file}:2: is no setting. Write NAME=value" in str(caught.value)
    assert "token" not in str(caught.value)  # what stands there may be a secret


def test_a_file_that_is_no_text_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    with pytest.raises(ConfigError, match="not UTF-8"):
        dotenv.read(tmp_path / ".env")


@pytest.mark.parametrize(
    "value", ["xoxb-1-a_b", "sk-ant-api03-x", "two words", 'it\'s \\ a "key"', "a#b", "ö"]
)
def test_what_is_written_is_what_is_read(tmp_path: Path, value: str) -> None:
    file = tmp_path / ".env"
    file.write_text("# keep me\nOTHER=1\nNAME=old")
    dotenv.write(file, {"NAME": value, "MORE": "2"})
    assert dotenv.read(file) == {"OTHER": "1", "NAME": value, "MORE": "2"}
    assert file.read_text("utf-8").startswith("# keep me\nOTHER=1\nNAME=")


def test_nobody_else_may_read_what_is_written(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    before = os.umask(0)
    try:
        dotenv.write(file, {"A_KEY": "1"})
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    assert "644" in dotenv.exposed(file)
    dotenv.write(file, {"B_KEY": "1"})
    assert dotenv.exposed(file) == ""
    assert dotenv.exposed(tmp_path / "none") == ""


def test_a_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "vault").mkdir()
    (tmp_path / ".env").symlink_to(tmp_path / "vault" / "secrets")
    dotenv.write(tmp_path / ".env", {"A_KEY": "1"})
    assert (tmp_path / ".env").is_symlink()
    assert dotenv.read(tmp_path / "vault" / "secrets") == {"A_KEY": "1"}

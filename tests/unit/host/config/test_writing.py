"""Changes to the file leave everything else as a person wrote it."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from host.config import ConfigError, load, writing

MINE = """\
# ours, since spring
data = "elsewhere"   # on the big disk

[model]
budget_usd_per_month = 40.0   # agreed

[agents.default]   # the one
model = "claude-opus-5-5"

# people
[access]
users = [
  "slack:U1",  # Ann
]
"""


def test_comments_order_and_other_keys_stay(tmp_path: Path) -> None:
    file = tmp_path / "dovecote.toml"
    file.write_text(MINE)
    file.chmod(0o640)
    changes = {
        ("model", "budget_usd_per_day"): 5.0,
        ("access", "owners"): ["slack:U2"],
        ("runner", "launcher"): "process",
        ("agents", "default", "provider"): "mock",
    }
    writing.change(file, changes)
    text = file.read_text()
    for line in MINE.splitlines():
        assert line in text.splitlines()
    assert text.index("# ours") < text.index("[model]") < text.index("# people") < text.index("[runner]")
    found = load(file)
    assert (found.model.budget_usd_per_day, found.model.budget_usd_per_month) == (5.0, 40.0)
    assert (found.access.owners, found.access.users) == (("slack:U2",), ("slack:U1",))
    assert (found.runner.launcher, found.agents["default"].provider) == ("process", "mock")
    assert file.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["dovecote.toml"]


def test_a_second_change_of_the_same_key_changes_its_value_alone(tmp_path: Path) -> None:
    file = tmp_path / "dovecote.toml"
    file.write_text(MINE)
    writing.change(file, {("model", "budget_usd_per_month"): 3.0})
    assert file.read_text() == MINE.replace("budget_usd_per_month = 40.0", "budget_usd_per_month = 3.0")
    before = file.read_text()
    writing.change(file, {})
    assert file.read_text() == before


def test_no_file_becomes_one_that_says_where_it_is_from(tmp_path: Path) -> None:
    file = tmp_path / "dovecote.toml"
    writing.change(file, {("data",): "elsewhere", ("slack", "api_url"): "http://127.0.0.1:1/api/"})
    assert file.read_text().startswith("# Written by `dovecote setup`")
    assert tomllib.loads(file.read_text()) == {
        "data": "elsewhere",
        "slack": {"api_url": "http://127.0.0.1:1/api/"},
    }


def test_what_the_file_may_not_say_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    file = tmp_path / "dovecote.toml"
    file.write_text(MINE)
    with pytest.raises(ConfigError, match=r"runner\.launcher"):
        writing.change(file, {("runner", "launcher"): "dokcer"})
    assert file.read_text() == MINE
    assert [path.name for path in tmp_path.iterdir()] == ["dovecote.toml"]


def test_a_file_that_is_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real.toml").write_text(MINE)
    (tmp_path / "dovecote.toml").symlink_to("real.toml")
    writing.change(tmp_path / "dovecote.toml", {("host", "zone"): "Europe/Berlin"})
    assert (tmp_path / "dovecote.toml").is_symlink()
    assert load(tmp_path / "real.toml").host.zone == "Europe/Berlin"


@pytest.mark.parametrize(
    ("given", "key", "value"),
    [
        ("model.budget_usd_per_day=5", ("model", "budget_usd_per_day"), 5),
        ("slack.api_url=http://a/?b=c", ("slack", "api_url"), "http://a/?b=c"),
        ("host.bells=false", ("host", "bells"), False),
        ("access.users=['slack:U1']", ("access", "users"), ["slack:U1"]),
        ("data=", ("data",), ""),
    ],
)
def test_a_setting_of_the_command_line_is_toml_or_else_text(
    given: str, key: writing.Key, value: object
) -> None:
    assert writing.setting(given) == (key, value)


@pytest.mark.parametrize("given", ["model", "=5", "model..x=1", ".x=1"])
def test_what_is_no_setting_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match=given.replace(".", r"\.")):
        writing.setting(given)


@pytest.mark.parametrize(
    "written",
    [
        'agents = {default = {model = "claude-opus-5-5"}}\n',
        'agents.default.model = "claude-opus-5-5"\n',
        '[agents.default]\nmodel = "claude-opus-5-5"\n\n[runner]\nconcurrent = 3\n\n[agents.bob]\nmodel = "claude-opus-5-5"\n',
        '[runner]\nconcurrent = 3\n["agents"."default"]\n"model" = "claude-opus-5-5"',
    ],
    ids=["a table in a line", "keys with dots", "tables apart", "quoted keys and no last line end"],
)
def test_a_key_of_a_table_that_is_new_finds_its_place_however_the_file_is_written(
    tmp_path: Path, written: str
) -> None:
    file = tmp_path / "dovecote.toml"
    file.write_text(written)
    before = tomllib.loads(written)
    writing.change(file, {("agents", "cy", "provider"): "mock", ("agents", "default", "provider"): "mock"})
    agents = before["agents"] | {"cy": {"provider": "mock"}}
    agents["default"]["provider"] = "mock"
    assert tomllib.loads(file.read_text()) == before | {"agents": agents}

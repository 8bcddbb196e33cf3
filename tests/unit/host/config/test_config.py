"""The configuration and its example."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel, ValidationError

from host.config import Config, ConfigError, Slack, load, schema
from host.ports.commands import COMMANDS

ROOT = Path(__file__).resolve().parents[4]


def test_no_file_is_a_valid_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert load(None) == Config()


def test_the_example_shows_every_key_with_its_default(tmp_path: Path) -> None:
    example = ROOT / "dovecote.example.toml"
    assert load(example) == Config()
    switched_on = tmp_path / "all.toml"
    switched_on.write_text(re.sub(r"(?m)^#(?=[\[a-z])", "", example.read_text("utf-8")), "utf-8")
    everything = load(switched_on)
    assert missing(everything) == []
    assert everything.slack == Slack()


def test_the_configuration_knows_the_commands_that_the_host_obeys() -> None:
    assert set(get_args(schema.COMMAND_NAMES)) == set(COMMANDS)


@pytest.mark.parametrize("alias", ["help", "Stop", "two words", "!halt", "", "-", "x" * 31])
def test_an_alias_is_one_word_of_its_own(alias: str) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({"commands": {"aliases": {alias: "help"}}})


def test_an_alias_is_for_a_command_that_there_is() -> None:
    assert Config.model_validate({"commands": {"aliases": {"hilfe": "help", "停止": "stop"}}})
    with pytest.raises(ValidationError):
        Config.model_validate({"commands": {"aliases": {"dance": "dancing"}}})


def test_at_most_four_prompts_are_suggested_and_none_is_empty() -> None:
    prompt = {"title": "Numbers", "message": "What did we sell?"}
    assert Config.model_validate({"agents": {"default": {"prompts": [prompt] * 4}}})
    for wrong in ([prompt] * 5, [{**prompt, "title": ""}], [{**prompt, "message": ""}]):
        with pytest.raises(ValidationError):
            Config.model_validate({"agents": {"default": {"prompts": wrong}}})


def missing(model: BaseModel, path: str = "") -> list[str]:
    """Keys that the example does not set."""
    found = [f"{path}{name}" for name in type(model).model_fields if name not in model.model_fields_set]
    for name in model.model_fields_set:
        found += _missing_below(getattr(model, name), f"{path}{name}.")
    return found


def _missing_below(value: Any, path: str) -> list[str]:
    if isinstance(value, BaseModel):
        return missing(value, path)
    if isinstance(value, dict):
        return [key for name, item in value.items() for key in _missing_below(item, f"{path}{name}.")]
    if isinstance(value, tuple):
        return [key for number, item in enumerate(value) for key in _missing_below(item, f"{path}{number}.")]
    return []


def test_an_error_carries_file_key_and_remedy(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text("[agents.default]\nprovider = 'oracle'\n")
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert caught.value.file == file
    assert caught.value.faults[0].key == "agents.default.provider"
    assert "claude" in caught.value.faults[0].remedy


def test_the_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Config().data = Path("elsewhere")


def test_a_hook_is_a_table_of_webhooks_and_named_so_in_errors(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    good = "[webhooks]\nport = 0\n[webhooks.ci]\nsecret_env = 'S'\nplatform = 'slack'\nworkspace = 'T1'\nchannel = 'C1'\n"
    file.write_text(good)
    webhooks = load(file).webhooks
    assert webhooks is not None
    assert (webhooks.port, list(webhooks.hooks)) == (0, ["ci"])
    for bad, key in (("style = 'gitlab'\n", "webhooks.ci.style"), ("colour = 1\n", "webhooks.ci.colour")):
        file.write_text(good + bad)
        with pytest.raises(ConfigError) as caught:
            load(file)
        assert caught.value.faults[0].key == key
    file.write_text(good + "agent = 'nobody'\n")
    with pytest.raises(ConfigError, match=r"webhooks\.ci\.agent: 'nobody' is no agent"):
        load(file)


@pytest.mark.parametrize("end", ["", "/", "/v1", "/v1/", "/v1/messages", " "])
def test_the_models_address_is_meant_with_or_without_its_version(end: str) -> None:
    assert Config.model_validate(
        {"model": {"base_url": f"http://proxy:4000/anthropic{end}"}}
    ).model.base_url == ("http://proxy:4000/anthropic")


@pytest.mark.parametrize(
    "url",
    [
        "https://bedrock-runtime.eu-central-1.amazonaws.com",
        "https://bedrock-runtime-fips.us-east-1.amazonaws.com/v1",
        "https://europe-west1-aiplatform.googleapis.com/v1/projects/p/locations/europe-west1/publishers/anthropic",
        "https://aiplatform.googleapis.com",
    ],
)
def test_addresses_that_speak_another_protocol_are_refused_in_words(url: str) -> None:
    with pytest.raises(ValidationError, match="does not speak the Messages API at its own address"):
        Config.model_validate({"model": {"base_url": url}})


def test_an_agent_is_called_by_the_name_that_people_see() -> None:
    agents = {"default": {"name": "Old Scribe"}, "poet": {}}
    named = Config.model_validate({"agents": agents})
    assert [named.called(agent) for agent in ("default", "poet", "gone")] == ["Old Scribe", "poet", "gone"]

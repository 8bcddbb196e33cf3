"""Who thinks for an agent that names no provider."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from host.config import Agent, Config, ConfigError, provider
from host.gateway.permits import Permit

KEY = {"ANTHROPIC_API_KEY": "sk-ant-1\n"}


def test_a_key_and_nothing_else_is_claude() -> None:
    config = provider.resolved(Config(), KEY)
    assert config.agents["default"].provider == "claude"
    assert provider.described(config) == "default: claude claude-sonnet-5-5"
    assert provider.echoing(config) == ()
    assert Permit.of(config.agents["default"]).models


def test_without_a_key_it_is_the_mock_and_says_so() -> None:
    for environment in ({}, {"ANTHROPIC_API_KEY": " \n"}):
        config = provider.resolved(Config(), environment)
        assert provider.described(config) == "default: mock agent: no ANTHROPIC_API_KEY"
        assert provider.echoing(config) == ("default",)
        assert not Permit.of(config.agents["default"]).models


def test_the_vaults_key_is_a_credential_where_the_vault_is_the_source() -> None:
    config = Config.model_validate({"credentials": {"source": "onecli"}})
    assert provider.resolved(config, {"ONECLI_API_KEY": "x"}).agents["default"].provider == "claude"
    assert provider.resolved(config, KEY).agents["default"].provider == "auto"


def test_who_was_named_stays_who_was_named() -> None:
    named = Config.model_validate({"agents": {"default": {"provider": "mock"}}})
    assert provider.resolved(named, KEY) == named
    assert provider.echoing(named) == ()


def test_a_node_has_its_own_labels_where_nodes_share_a_file() -> None:
    cluster = {"database": "postgresql://dovecote@db/dovecote", "workspaces": "/mnt/d", "labels": ["gpu"]}
    shared = Config.model_validate({"cluster": cluster})
    for said, labels in ((None, ("gpu",)), ("", ()), ("eu, big-disk", ("eu", "big-disk"))):
        environment = {} if said is None else {"DOVECOTE_LABELS": said}
        found = provider.resolved(shared, environment).cluster
        assert found is not None
        assert found.labels == labels
    with pytest.raises(ConfigError, match="DOVECOTE_LABELS: 'GPU!' is no list of labels"):
        provider.resolved(shared, {"DOVECOTE_LABELS": "GPU!"})
    assert provider.resolved(Config(), {"DOVECOTE_LABELS": "GPU!"}) == Config()  # of a machine alone


def test_the_banner_names_version_agents_models_platforms_and_folder(tmp_path: Path) -> None:
    agents = {
        "default": {},
        "deep": {"provider": "claude", "model": "claude-opus-5-5"},
        "toy": {"provider": "mock"},
    }
    config = Config.model_validate({"data": str(tmp_path), "agents": agents})
    assert provider.banner(provider.resolved(config, KEY), ["discord", "slack"]) == (
        f"Dovecote {version('dovecote')} · default: claude claude-sonnet-5-5; deep: claude claude-opus-5-5; toy: mock"
        f" · discord, slack · data in {tmp_path}"
    )
    assert "· default: mock agent: no ANTHROPIC_API_KEY ·" in provider.banner(Config(), ["console"])
    assert "· no platform ·" in provider.banner(Config(), [])


MODELS = ("claude-opus-4-8", "claude-opus-4-1-20250805", "us.anthropic.claude-haiku-4-5-v1:0")


@pytest.mark.parametrize(
    ("word", "model"),
    [
        ("opus", MODELS[0]),  # the first that the owner lists
        ("Opus", MODELS[0]),
        ("opus-4-1", MODELS[1]),
        ("opus-4.1", MODELS[1]),
        ("haiku", MODELS[2]),
        (MODELS[2], MODELS[2]),
        ("claude-haiku", MODELS[2]),
        ("opus-haiku", ""),
        ("opu", ""),
        ("pus-4", ""),
        ("4", ""),
        ("4-1", ""),
        ("-", ""),
        ("", ""),
        ("_opus_", MODELS[0]),
    ],
)
def test_a_model_is_called_by_whole_words_of_its_name(word: str, model: str) -> None:
    assert provider.named(word, MODELS) == model


def test_people_may_choose_an_agents_own_model_and_those_that_its_owner_lists() -> None:
    listed = ("claude-haiku-4-5", "claude-opus-4-8")
    claude = Agent(provider="claude", model="claude-opus-4-8", models=listed)
    assert provider.choices(claude) == ("claude-opus-4-8", "claude-haiku-4-5")
    assert provider.choices(Agent(provider="mock", models=listed)) == listed
    assert provider.choices(Agent(provider="claude_code", models=listed)) == ()
    assert len(provider.choices(Agent(provider="claude"))) == 1


def test_what_is_not_offered_names_what_is_and_carries_no_markup() -> None:
    assert provider.not_offered("gpt`<!channel>", MODELS[:1]) == (
        "The agent here has no model 'gpt-channel'. There are: claude-opus-4-8."
    )
    assert len(provider.not_offered("x" * 10_000, ())) < 200


def test_a_model_is_called_by_the_shortest_word_that_names_it_alone() -> None:
    models = ("claude-sonnet-5", "claude-opus-5-5", "claude-opus-4", "house")
    called = [provider.called(model, models) for model in models]
    assert called == ["claude", "opus", "claude-opus-4", "house"]
    assert [provider.named(word, models) for word in called] == list(models)

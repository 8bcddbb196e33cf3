"""Who thinks for an agent that names no provider."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

from host.config import Config, provider
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

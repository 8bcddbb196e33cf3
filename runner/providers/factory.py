"""Makes the provider an agent names; a provider's library is imported here and not before."""

from __future__ import annotations

from runner.providers.base import AgentProvider
from runner.settings import Settings


class UnknownProvider(Exception):
    """`.name` is no provider of this runner."""

    def __init__(self, name: str) -> None:
        super().__init__(f"unknown provider {name!r}; known: claude, mock")
        self.name = name


def make(settings: Settings) -> AgentProvider:
    """Raises `UnknownProvider`, `SettingsError`."""
    if settings.agent.provider == "mock":
        from runner.providers.mock import MockProvider

        return MockProvider()
    if settings.agent.provider == "claude":
        from runner.providers.claude import ClaudeProvider

        return ClaudeProvider(settings)
    raise UnknownProvider(settings.agent.provider)

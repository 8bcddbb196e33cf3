"""Makes the provider an agent names; a provider's library is imported here and not before."""

from __future__ import annotations

from contextlib import suppress
from importlib import import_module

from runner.providers.base import AgentProvider
from runner.settings import Settings, SettingsError


class UnknownProvider(Exception):
    """`.name` is no provider of this runner."""

    def __init__(self, name: str) -> None:
        super().__init__(f"unknown provider {name!r}; known: claude, claude_code, mock")
        self.name = name


def load(name: str) -> None:
    """Imports what the provider needs, ahead of time. What is missing is told by `make`, to whoever uses it."""
    if name in ("mock", "claude", "claude_code"):
        with suppress(ImportError):
            import_module(f"runner.providers.{name}")


def make(settings: Settings) -> AgentProvider:
    """Raises `UnknownProvider`, `SettingsError`."""
    if settings.agent.provider == "mock":
        from runner.providers.mock import MockProvider

        return MockProvider(settings.agent)
    if settings.agent.provider == "claude":
        from runner.providers.claude import ClaudeProvider

        return ClaudeProvider(settings)
    if settings.agent.provider == "claude_code":
        try:
            from runner.providers.claude_code import ClaudeCodeProvider
        except ModuleNotFoundError as error:
            reason = f"claude_code needs {error.name}, which this image lacks: see docs/agents.md"
            raise SettingsError("DOVECOTE_AGENT", reason) from error

        return ClaudeCodeProvider(settings)
    raise UnknownProvider(settings.agent.provider)

"""Where the real credential comes from; it never leaves the host but for the model API itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class NoCredential(Exception):
    """The text says what to do, and holds nothing secret."""


class Credentials(Protocol):
    async def headers(self, agent: str) -> Mapping[str, str]:
        """What authenticates a request of this agent. Raises `NoCredential`."""


class EnvironmentCredentials:
    """One key for every agent: ANTHROPIC_API_KEY of the host's environment."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._key = environment.get("ANTHROPIC_API_KEY", "").strip()

    async def headers(self, agent: str) -> Mapping[str, str]:
        if not self._key:
            raise NoCredential("the host has no ANTHROPIC_API_KEY in its environment")
        return {"x-api-key": self._key}

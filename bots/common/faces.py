"""Names and pictures of agents, as the configuration has them: what people see in place of the bot's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from host.config import Config


@dataclass(frozen=True, slots=True)
class Face:
    name: str = ""
    icon: str = ""  # :owl:, or an https:// address


NONE = Face()


class Faces:
    def __init__(self) -> None:
        self._known: Mapping[str, Face] = {}

    def follow(self, config: Config) -> None:
        self._known = of(config)

    def __bool__(self) -> bool:
        """Whether any agent has one."""
        return bool(self._known)

    def of(self, agent: str) -> Face:
        return self._known.get(agent, NONE)


def of(config: Config) -> dict[str, Face]:
    """Of those agents that have one."""
    named = {key: Face(agent.name, agent.icon) for key, agent in config.agents.items()}
    return {key: face for key, face in named.items() if face != NONE}

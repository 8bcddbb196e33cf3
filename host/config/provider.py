"""Who thinks for an agent that names no provider: Claude where there is a credential, else the mock, which says so."""

from __future__ import annotations

from collections.abc import Mapping

from host.config.environment import tidied
from host.config.schema import Config

ECHO = "mock agent: no ANTHROPIC_API_KEY"
REMEDY = 'Set ANTHROPIC_API_KEY, or provider = "mock" for the agent if an echo is what you want'


def resolved(config: Config, environment: Mapping[str, str]) -> Config:
    """The same with every agent's provider named; an agent that cannot have one keeps "auto" and echoes."""
    if not _credential(config, environment):
        return config
    agents = {
        name: agent.model_copy(update={"provider": "claude"}) if agent.provider == "auto" else agent
        for name, agent in config.agents.items()
    }
    return config.model_copy(update={"agents": agents})


def echoing(config: Config) -> tuple[str, ...]:
    """The agents that answer somebody and only echo, though nobody asked for that."""
    routed = {route.agent for route in config.routes if route.engage != "off"}
    return tuple(
        sorted(name for name in routed if name in config.agents and config.agents[name].provider == "auto")
    )


def described(config: Config) -> str:
    """Each agent with its provider and model, for a first line."""
    parts = []
    for name, agent in config.agents.items():
        model = f" {agent.model}" if agent.model else ""
        parts.append(f"{name}: {ECHO}" if agent.provider == "auto" else f"{name}: {agent.provider}{model}")
    return "; ".join(parts)


def _credential(config: Config, environment: Mapping[str, str]) -> bool:
    if config.credentials.source == "onecli":
        return bool(tidied(environment).get("ONECLI_API_KEY"))
    return bool(tidied(environment).get("ANTHROPIC_API_KEY"))

"""Who thinks for an agent that names no provider: Claude where there is a credential, else the mock, which says so."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from host.config.environment import LABELS, tidied
from host.config.errors import ConfigError, Fault
from host.config.kinds import Labels
from host.config.schema import Agent, Config
from host.words import Sentence, joined, listed, say
from sessiondb.options import DEFAULT_MODEL

_WORD = re.compile(r"[^\W_]+")  # of a model's name

ECHO = "mock agent: no ANTHROPIC_API_KEY"
REMEDY = 'Set ANTHROPIC_API_KEY in .env, or provider = "mock" for the agent if an echo is what you want'


def resolved(config: Config, environment: Mapping[str, str]) -> Config:
    """The same with every agent's provider named; an agent that cannot have one keeps "auto" and echoes. And with this node's own
    labels: nodes may share a file. Raises `ConfigError`."""
    config = _labelled(config, environment)
    if not _credential(config, environment):
        return config
    agents = {
        name: agent.model_copy(update={"provider": "claude"}) if agent.provider == "auto" else agent
        for name, agent in config.agents.items()
    }
    return config.model_copy(update={"agents": agents})


def _labelled(config: Config, environment: Mapping[str, str]) -> Config:
    said = environment.get(LABELS)
    if config.cluster is None or said is None:
        return config
    try:
        labels = TypeAdapter(Labels).validate_python(said.replace(",", " ").split())
    except ValidationError:
        remedy = "Write some such as gpu,eu: small letters, digits and hyphens, 16 of them at the most"
        raise ConfigError(Path(LABELS), [Fault("", f"{said!r} is no list of labels", remedy)]) from None
    cluster = config.cluster.model_copy(update={"labels": labels})
    return config.model_copy(update={"cluster": cluster})


def echoing(config: Config) -> tuple[str, ...]:
    """The agents that answer somebody and only echo, though nobody asked for that."""
    routed = {route.agent for route in config.routes if route.engage != "off"}
    return tuple(
        sorted(name for name in routed if name in config.agents and config.agents[name].provider == "auto")
    )


def described(config: Config) -> str:
    """Each agent with its provider and model."""
    return "; ".join(f"{name}: {_thinker(agent)}" for name, agent in config.agents.items())


def answering(config: Config, platform: str) -> str:
    """Who answers on a platform where no channel has a route of its own, with provider and model."""
    routes = (route for route in config.routes if route.platform in (platform, "*") and route.engage != "off")
    name = next((route.agent for route in routes if route.channel == "*"), "")
    return f"{name} · {_thinker(config.agents[name])}" if name else "no agent"


def banner(config: Config, platforms: Collection[str]) -> str:
    """The first thing that `up`, `chat` and the doctor say: who runs here, where, and on which folder."""
    where = ", ".join(platforms) or "no platform"
    return f"Dovecote {version('dovecote')} · {described(config)} · {where} · data in {Path(config.data).resolve()}"


def choices(agent: Agent) -> tuple[str, ...]:
    """The models by which people may have one question answered, its own first. Claude Code keeps what it began with."""
    if agent.provider == "claude_code":
        return ()
    own = () if agent.echoes else (agent.model or DEFAULT_MODEL,)
    return tuple(dict.fromkeys((*own, *agent.models)))


def named(word: str, models: Sequence[str]) -> str:
    """The first that is called so, wholly or by some of its words: `opus`, `opus-4`. '' when none is."""
    wanted = _words(word)
    if not any(map(str.isalpha, wanted)):
        return ""
    return next((model for model in models if wanted in _words(model)), "")


def called(model: str, models: Sequence[str]) -> str:
    """The shortest word by which it is `named` among these; itself where no word of it does."""
    words = [word for word in _WORD.findall(model.casefold()) if named(word, models) == model]
    return min(words, key=len, default=model)


def not_offered(word: str, models: Sequence[str]) -> Sentence:
    """For whoever wanted it."""
    none = say("The agent here has no model {model!r}.", model="-".join(_WORD.findall(word))[:40])
    there = say("There are: {models}.", models=listed(models)) if models else say("It has one alone.")
    return joined(" ", [none, there])


def _words(name: str) -> str:
    return f"-{'-'.join(_WORD.findall(name.casefold()))}-"


def _thinker(agent: Agent) -> str:
    if agent.provider == "auto":
        return ECHO
    return agent.provider if agent.echoes else f"{agent.provider} {agent.model or DEFAULT_MODEL}"


def _credential(config: Config, environment: Mapping[str, str]) -> bool:
    if config.credentials.source == "onecli":
        return bool(tidied(environment).get("ONECLI_API_KEY"))
    return bool(tidied(environment).get("ANTHROPIC_API_KEY"))

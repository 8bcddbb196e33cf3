"""What a channel leaves of what its agent may do: never more than the configuration has. Pure."""

from __future__ import annotations

from collections.abc import Collection
from fnmatch import fnmatchcase

from host.config import Agent, provider
from host.ports.controls import SERVER, ChannelRules
from sessiondb.options import TOOLS

OF_THE_API = ("web_search", "web_fetch")


def tools_of(agent: Agent) -> tuple[str, ...]:
    """As a channel's settings name them."""
    options = agent.options
    named = options.get("tools")
    by_api = (name for name in OF_THE_API if options.get(name) is True)
    servers = (f"{SERVER}{name}" for name in options.get("mcp", {}))
    return tuple(
        dict.fromkeys((*(TOOLS if named is None else named), *by_api, *agent.server_tools, *servers))
    )


def narrowed(agent: Agent, rules: ChannelRules) -> Agent:
    """What the gateway lets through for it there, and its runner is told. Of Dovecote's own tools `within` has those that
    are left: whether a shell is there at all, only a container can say."""
    options = {**agent.options, **({"effort": rules.effort} if rules.effort else {})}
    if rules.models and (chosen := models_of(agent, rules)):
        agent = agent.model_copy(update={"models": tuple(one for one in agent.models if one in chosen)})
    if not rules.tools:
        return agent.model_copy(update={"options": options})
    allowed = set(rules.tools)
    options |= {name: False for name in OF_THE_API if options.get(name) and name not in allowed}
    if servers := options.get("mcp"):
        left = {name: one for name, one in servers.items() if f"{SERVER}{name}" in allowed}
        options["mcp"] = left
        options["approve"] = [one for one in options.get("approve", ()) if _names_one(one, left)]
    by_api = tuple(kind for kind in agent.server_tools if kind in allowed)
    return agent.model_copy(update={"options": options, "server_tools": by_api})


def models_of(agent: Agent, rules: ChannelRules | None) -> tuple[str, ...]:
    """Those that people may choose for one question in a channel: the one that answers there is always among them."""
    models = provider.choices(agent)
    if rules is None or not rules.models or not models:
        return models
    own = rules.model if rules.model in models else "" if agent.echoes else models[0]
    return tuple(model for model in models if model == own or model in rules.models)


def within(rules: ChannelRules) -> list[str] | None:
    """None where the channel allows all of them."""
    return [name for name in rules.tools if name in TOOLS] if rules.tools else None


def _names_one(pattern: str, servers: Collection[str]) -> bool:
    """A pattern for a server that is not there any more is refused where options are read."""
    prefix, _, rest = pattern.partition(":")
    return prefix != "mcp" or any(fnmatchcase(f"{name}/", f"{rest.split('/')[0]}/") for name in servers)

"""Configuration: the file's schema, its checks at the border, and its words for people."""

from host.config.environment import tidied, unfit
from host.config.errors import ConfigError, Fault, NotFit
from host.config.reading import load
from host.config.schema import (
    Access,
    Agent,
    Commands,
    Config,
    Discord,
    Limits,
    Network,
    Price,
    Prompt,
    Route,
    Runner,
    Slack,
    Task,
    Web,
    Webhook,
    Webhooks,
    without_workspace,
)

__all__ = [
    "Access",
    "Agent",
    "Commands",
    "Config",
    "ConfigError",
    "Discord",
    "Fault",
    "Limits",
    "Network",
    "NotFit",
    "Price",
    "Prompt",
    "Route",
    "Runner",
    "Slack",
    "Task",
    "Web",
    "Webhook",
    "Webhooks",
    "load",
    "tidied",
    "unfit",
    "without_workspace",
]

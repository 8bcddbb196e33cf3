"""Configuration: the file's schema, its checks at the border, and its words for people."""

from host.config.environment import tidied, unfit
from host.config.schema import (
    Access,
    Agent,
    Config,
    ConfigError,
    Discord,
    Limits,
    Network,
    Price,
    Route,
    Runner,
    Slack,
    Task,
    Webhook,
    Webhooks,
    load,
    without_workspace,
)

__all__ = [
    "Access",
    "Agent",
    "Config",
    "ConfigError",
    "Discord",
    "Limits",
    "Network",
    "Price",
    "Route",
    "Runner",
    "Slack",
    "Task",
    "Webhook",
    "Webhooks",
    "load",
    "tidied",
    "unfit",
    "without_workspace",
]

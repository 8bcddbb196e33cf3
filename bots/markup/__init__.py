"""Markdown from agents to people and back: `slack` and `discord` each have `render` and `inbound`."""

from bots.markup import discord, slack

__all__ = ["discord", "slack"]

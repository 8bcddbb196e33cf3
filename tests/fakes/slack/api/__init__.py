"""The Web API. Importing the package fills the table of methods."""

from . import agents, chat, conversations, files, people, reactions, streams, views
from .registry import METHODS, Args

__all__ = [
    "METHODS",
    "Args",
    "agents",
    "chat",
    "conversations",
    "files",
    "people",
    "reactions",
    "streams",
    "views",
]

"""The Web API. Importing the package fills the table of methods."""

from . import agents, canvases, chat, conversations, files, people, reactions, streams, views
from .registry import METHODS, Args

__all__ = [
    "METHODS",
    "Args",
    "agents",
    "canvases",
    "chat",
    "conversations",
    "files",
    "people",
    "reactions",
    "streams",
    "views",
]

"""How requests reach a model: by the gateway's socket, at the address of the model or of the one that stands in for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from runner.providers.fields import Fields
from runner.settings import Settings
from sessiondb.contract import ELSEWHERE
from sessiondb.frozen import frozen

GATEWAY = "http://gateway"
C = TypeVar("C")


@frozen
class Way(Generic[C]):
    """To one address, with what that is known to refuse."""

    client: C
    fields: Fields


class Ways(Generic[C]):
    """`own` leads to the model; `other` to the one that stands in for it, the same where that has no address of its own.
    `make` gives the client of an address."""

    def __init__(self, settings: Settings, make: Callable[[str], C]) -> None:
        self.own = Way(make(GATEWAY), Fields(settings.without))
        self.other = Way(make(GATEWAY + ELSEWHERE), Fields()) if settings.fallback_elsewhere else self.own

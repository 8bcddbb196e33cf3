"""What a platform brings to `dovecote setup`, and whom it talks to there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from host.config import Config


@dataclass(frozen=True, slots=True)
class Secret:
    """A token that a person copies from the platform's pages."""

    variable: str
    where: str  # it is found there
    begins: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A channel that the bot may write to."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Greeter:
    """The person who answered the greeting."""

    id: str
    name: str
    workspace: str = (
        ""  # in which the id is theirs, where others are served in which it may be somebody else's
    )


class SecretRefused(Exception):
    """The platform does not take the secret in `.variable`; the text says why and what to do."""

    def __init__(self, variable: str, why: str) -> None:
        super().__init__(why)
        self.variable = variable


class SetUpFailed(Exception):
    """It ends here; the text says why and what to do."""


class Desk(Protocol):
    """Whoever is being guided: a person at a terminal, or what they gave as flags."""

    def say(self, line: str) -> None:
        """One line; a link stays whole."""

    def checked(self, what: str) -> None:
        """Something is well."""

    async def pick(self, places: Sequence[Place]) -> Place:
        """One of them. Raises `SetUpFailed` when none of them is meant."""


class Guide(Protocol):
    """An entry point of the group `dovecote.setup`."""

    def secrets(self, config: Config, environment: Mapping[str, str]) -> Sequence[Secret]:
        """Those that it takes, in the order in which they are found, given which are there already."""

    def steps(self, config: Config) -> tuple[str, str]:
        """What to do on the platform's pages before there are any, and the link to begin with."""

    async def visit(self, config: Config, environment: Mapping[str, str], desk: Desk) -> Greeter | None:
        """Tries everything against the platform, says hello and hears an answer; None where there is nowhere to say it yet.

        Raises `SecretRefused`, `SetUpFailed`.
        """

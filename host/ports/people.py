"""Who somebody is, and what they may read: what the page asks of a platform, each time anew."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from host.ports.events import Viewer
from sessiondb.records import Address


class SignInError(Exception):
    """Nobody was signed in; the text says why, for whoever tried."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One sign-in: what only the browser that began it leads to."""

    back: str  # the address to which the platform sends them back
    state: str
    nonce: str
    verifier: str  # of RFC 7636

    @property
    def challenge(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


@runtime_checkable
class SignsIn(Protocol):
    """A bot of a platform whose people can prove who they are."""

    def sign_in_at(self, attempt: Attempt) -> str:
        """The platform's page for it; '' where it is not set up, or not connected."""

    async def who(self, code: str, attempt: Attempt) -> Viewer:
        """Whoever the platform says came back with this code. Raises `SignInError`."""

    async def as_now(self, place: Address, user: str) -> Viewer:
        """The same person, of that place's workspace, with the roles they have by now. Raises `SignInError`."""


@runtime_checkable
class TellsReaders(Protocol):
    """A bot that can say what somebody may read."""

    async def readable_now(
        self, place: Address, user: str, channels: Collection[Address]
    ) -> frozenset[Address]:
        """Of these channels (none a direct message) those that the person may read at this moment; no memory of before. They are
        of that place's workspace: in another the same id names somebody else, and other channels.

        Raises `DeliveryError` where the platform tells of none, as of somebody who is not there any more.
        """

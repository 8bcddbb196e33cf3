"""A call of a bot, and what it came to in the terms of law 6."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable
from typing import Protocol, TypeVar

from host.delivery import policy
from host.ports.bot import DeliveryError, Unknown, Unsent

log = logging.getLogger(__name__)

T = TypeVar("T")


class Leads(Protocol):
    def leads(self) -> bool:
        """Whether what is done outside at this moment is still this host's to do."""


def require_lead(db: Leads) -> None:
    """Directly before whatever people see: after a commit, or a look at a file, this host may have been stopped for long, and
    another serves by now. Raises `Unsent`."""
    if not db.leads():
        raise Unsent("whether this node still serves is not known")


async def outcome(call: Awaitable[T]) -> T:
    """What it came to within the deadline. Raises `DeliveryError`, also for a bot that breaks its contract."""
    try:
        async with asyncio.timeout(policy.SEND_DEADLINE):
            return await call
    except TimeoutError as error:
        raise Unknown("no answer in time") from error
    except DeliveryError:
        raise
    except Exception as error:  # a bot's bug: done or not, nobody knows
        log.exception("A bot broke its contract", extra={"action": "bot_error"})
        raise Unknown("internal error of the bot") from error

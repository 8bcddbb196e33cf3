"""What discord.py raises, as the delivery errors of the port."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
import discord

from bots.common import waits
from host.ports.bot import DeliveryError, Offline, Rejected, Unknown, Unsent
from host.words import mark

CLOUDFLARE_PAUSE = 120.0  # s after a ban by address that names no time

TRANSPORT = (aiohttp.ClientError, OSError, json.JSONDecodeError, discord.DiscordServerError)

# Discord docs, "JSON Error Codes"
UNKNOWN_CHANNEL = 10003
UNKNOWN_MESSAGE = 10008
TOO_LARGE = 40005
MISSING_ACCESS = 50001
CANNOT_DM = 50007
NO_TEXT = 50008  # a channel that takes no messages
MISSING_PERMISSIONS = 50013
INVALID_FORM = 50035
THREAD_LOCKED = 50083
THREAD_EXISTS = 160004
TOO_MANY_THREADS = 160006

_REFUSALS = {
    UNKNOWN_CHANNEL: mark("the channel or thread is gone"),
    UNKNOWN_MESSAGE: mark("the message it is about is gone"),
    TOO_LARGE: mark("the file is larger than is taken here"),
    MISSING_ACCESS: mark("the bot may not see this channel: give its role View Channel"),
    CANNOT_DM: mark("this person takes no direct messages from the bot"),
    NO_TEXT: mark("a forum has posts, and nothing can be said in it beside them"),
    MISSING_PERMISSIONS: mark(
        "the bot lacks a permission in this channel: invite it anew (`dovecote setup discord`)"
    ),
    THREAD_LOCKED: mark("the thread is locked"),
}


def was_tried_enough(error: BaseException) -> bool:
    """discord.py tries the 5xx of Discord's own five times over half a minute; 503 and a broken line it raises at once."""
    return isinstance(error, discord.DiscordServerError) and error.status != 503


@contextmanager
def translated() -> Iterator[None]:
    """Raises `DeliveryError`s only."""
    try:
        yield
    except (discord.DiscordException, *TRANSPORT) as error:
        raise delivery_error(error) from error


def delivery_error(error: Exception) -> DeliveryError:
    match error:
        case discord.RateLimited():
            return Unsent(f"rate limited for {error.retry_after:.0f} s", error.retry_after)
        case discord.DiscordServerError(status=503):
            return Unsent("Discord is unavailable (503)")
        case discord.DiscordServerError():
            return Unknown(f"Discord's server failed ({error.status})")
        case discord.HTTPException():
            return _refused(error)
        case aiohttp.ClientConnectorError():
            return Unsent("Discord cannot be reached")
        case aiohttp.ClientError() | OSError() | json.JSONDecodeError():
            return Unknown("the connection broke in mid-answer")
    return Offline("the bot is not connected to Discord")


def _refused(error: discord.HTTPException) -> DeliveryError:
    if error.status == 429:
        named = waits.seconds(error.response.headers.get("Retry-After", ""))
        return Unsent("refused by Discord's proxy for too many calls", named or CLOUDFLARE_PAUSE)
    if error.status == 401:
        return Offline("Discord does not accept the token")
    if error.code == TOO_MANY_THREADS:
        return Unsent("the server has its most active threads", CLOUDFLARE_PAUSE)
    code = TOO_LARGE if error.status == 413 else error.code
    words = _REFUSALS.get(code, f"Discord refused it ({error.status}, {error.code})")
    return Rejected(words, plain_may_work=error.code == INVALID_FORM)

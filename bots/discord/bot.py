"""Discord as a bot of the host: one life of the connection after another, until cancelled."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import discord

from bots.common import downloads
from bots.discord.client import errors, places, readers, signins, wire
from bots.discord.client.connecting import connected
from bots.discord.client.watch import Watch
from bots.discord.life import DoveClient, ShardedDoveClient
from bots.discord.questions.book import QuestionBook
from bots.discord.reading import events, saying
from bots.discord.sending import rendering
from bots.discord.sending.threads import LONGEST_NAME
from bots.discord.setup import conformance as conforming
from bots.discord.setup import look as looking
from bots.discord.variables import TOKEN
from host.config import Config
from host.ports.bot import (
    BotConfigError,
    BotStuck,
    Capabilities,
    Delivery,
    DeliveryError,
    Fetched,
    FetchError,
    Hearing,
    Ingest,
    Live,
    Offline,
    Receipt,
    Shown,
)
from host.ports.conformance import Operator, Outcome
from host.ports.events import IncomingFile, Privacy, Viewer
from host.ports.findings import Finding
from host.ports.people import Attempt, SignInError
from sessiondb import Address, content
from sessiondb.content import Part

log = logging.getLogger(__name__)

FIRST_PAUSE = 1.0  # s between two lives; doubles, and starts again after one that lasted
LONGEST_PAUSE = 120.0  # of all day long: Discord resets the token of who connects a thousand times
HEALTHY = 60.0  # s a life lasts that was none of a row of failures
MOST_DEAF = 3  # lives in a row that turned out deaf before the process gives up
FETCH_TRIES = 3  # of one file, within the time the host gives it
FETCH_PAUSE = 1.0  # s before the second try, twice as long before the third
TYPING_LASTS = 8.0  # s; Discord shows it for ten

INTENT_MISSING = (
    "Discord does not hand the bot what people write: switch on Message Content Intent on the Bot page of"
    " https://discord.com/developers/applications, then start again"
)
TOKEN_REFUSED = f"Discord refuses the token in {TOKEN}: reset it on the Bot page and set the new one"


class DiscordBot:
    channel_type = "discord"
    capabilities = Capabilities(
        lookup=True, progress="transient", drawn_by="bots.discord.sending.rendering:drawn"
    )

    def __init__(
        self,
        config: Config,
        folder: Path,
        token: str,
        client_options: dict[str, Any] | None = None,
        client_secret: str = "",
    ) -> None:
        self._config = config
        self._token = token
        self._client_secret = client_secret  # of those who sign in to the page
        self._options = client_options or {}
        self._book = QuestionBook(folder / "questions")
        self._client: DoveClient | None = None
        self._kind: type[DoveClient] = DoveClient
        self._typed: dict[Address, float] = {}
        wire.point_at(config.discord)

    async def look(self, config: Config) -> Sequence[Finding]:
        """Raises `BotConfigError` for what only a person can cure."""
        return await looking.look(self._token, config, (TOKEN_REFUSED, INTENT_MISSING))

    async def conformance(self, config: Config, channel: str, operator: Operator) -> Sequence[Outcome]:
        """Raises `BotConfigError` for a token or a channel that cannot be tried with."""
        return await conforming.conformance(self._token, channel, operator)

    def follow(self, config: Config) -> None:
        self._config = config
        if self._client is not None:
            self._client.follow(config)

    async def run(self, host: Ingest, ready: Callable[[], None]) -> None:
        """Raises `BotConfigError` for what only a person can cure, `BotStuck` for what only a fresh process can."""
        await asyncio.to_thread(self._book.prune)
        loop = asyncio.get_running_loop()
        pause, deaf = FIRST_PAUSE, 0
        while True:
            began = loop.time()
            watch = await self._live(host, ready)
            deaf = deaf + 1 if watch.deaf and not watch.heard_something else int(watch.deaf)
            if deaf > MOST_DEAF:
                raise BotStuck("Discord: connections are open and bring nothing, also those opened anew")
            pause = next_pause(pause, loop.time() - began)
            await asyncio.sleep(pause)

    async def _live(self, host: Ingest, ready: Callable[[], None]) -> Watch:
        """One life. A client is not used twice: what an unexpected payload left in it is anyone's guess."""
        client = self._kind(self._config, host, self._book, ready, **self._options)
        try:
            async with client:
                await client.login(self._token)
                _require_intents(client)
                self._client = client
                client.follow(self._config)  # a reload while it signed in told nobody
                shards = await self._shards(client)
                if (shards > 1) == isinstance(client, ShardedDoveClient):
                    client.watch_over(shards)
                    await connected(client.connect(), "discord:connection")
        except discord.LoginFailure as error:
            raise BotConfigError(TOKEN_REFUSED) from error
        except discord.PrivilegedIntentsRequired as error:
            raise BotConfigError(INTENT_MISSING) from error
        except (discord.DiscordException, *errors.TRANSPORT) as error:
            log.warning("Discord: disconnected: %s", error, extra={"action": "discord_disconnected"})
        except Exception:  # a payload that the library does not understand: alert, and start afresh
            log.exception("Discord: the connection broke", extra={"action": "discord_broke"})
        finally:
            self._client = None
        return client.watch

    async def _shards(self, client: DoveClient) -> int:
        """How many connections Discord wants, when it lets them be opened; the next life is one of that kind."""
        shards, _, limit = await client.http.get_bot_gateway()
        self._kind = ShardedDoveClient if shards > 1 else DoveClient
        if limit["remaining"] < shards:
            wait = limit["reset_after"] / 1000
            log.error(
                "Discord lets the bot connect again in %.0f s: too many connections today",
                wait,
                extra={"action": "discord_no_starts"},
            )
            await asyncio.sleep(wait)
        return shards

    # ── out ──────────────────────────────────────────────────────────────────────────────────────────────

    def render(
        self, operation: content.Operation, *, plain: bool = False, mentions: Sequence[str] = ()
    ) -> Sequence[dict[str, Any]]:
        return rendering.drawn(operation, plain=plain, mentions=mentions)

    async def privacy_now(self, channels: Collection[Address]) -> Mapping[Address, Privacy]:
        """As the gateway has told, which tells of every change; of a channel that it does not know, nothing."""
        client = self._connected()
        ids = {one: one.platform_id for one in channels if one.platform_id.isdecimal()}
        known = {one: client.get_channel(int(id_)) for one, id_ in ids.items()}
        return {one: places.privacy_of(found) for one, found in known.items() if found is not None}

    async def readable_now(
        self, place: Address, user: str, channels: Collection[Address]
    ) -> frozenset[Address]:
        return await readers.readable(self._connected(), int(user), channels)

    def sign_in_at(self, attempt: Attempt) -> str:
        application = self._application()
        if application is None or not self._client_secret:
            return ""
        return signins.at(attempt, self._config.discord.api_url, application)

    async def who(self, code: str, attempt: Attempt) -> Viewer:
        application = self._application()
        if application is None:
            raise SignInError("Discord is not connected right now; try again.")
        api_url = self._config.discord.api_url
        user = await signins.who(code, attempt, api_url, application, self._client_secret)
        return await self.as_now(Address(self.channel_type, "", ""), str(user))

    async def as_now(self, place: Address, user: str) -> Viewer:
        try:
            with errors.translated():
                author = await readers.author(self._connected(), int(user))
        except DeliveryError as error:
            raise SignInError("Discord does not say who you are right now; try again.") from error
        if author is None:
            raise SignInError("You are in none of the servers in which the agents work.")
        return Viewer(author, Address(self.channel_type, "", ""), "dm")

    def _application(self) -> int | None:
        return self._client.application_id if self._client is not None else None

    async def forget(self, user: str, keys: Collection[str]) -> None:
        await asyncio.to_thread(self._book.forget, user, keys)

    def hearing(self) -> Hearing:
        now, client = asyncio.get_running_loop().time(), self._client
        if client is None or not client.is_ready() or client.is_closed():
            return Hearing(connected=False, looked_at=now)
        return Hearing(connected=True, looked_at=client.watch.looked_at or now)

    async def send(self, delivery: Delivery) -> Receipt:
        return await self._connected().outbox.send(delivery)

    async def lookup(self, delivery: Delivery) -> Receipt | None:
        return await self._connected().outbox.lookup(delivery)

    async def show(self, shown: Shown) -> None:
        """Typing, in the thread the answer will come to: transient, so that only answers are messages."""
        client, now = self._connected(), time.monotonic()
        if now - self._typed.get(shown.address, -TYPING_LASTS) < TYPING_LASTS:
            return
        self._typed = {at: when for at, when in self._typed.items() if now - when < TYPING_LASTS}
        self._typed[shown.address] = now
        with errors.translated():
            await client.http.send_typing(await client.threads_of.open(shown.address))

    async def open_live(self, live: Live) -> Receipt:
        return await self._connected().live.open(live)

    async def find_live(self, live: Live) -> Receipt | None:
        return await self._connected().live.find(live)

    async def update_live(self, live: Live, platform_message_id: str) -> None:
        self._connected().live.update(live, platform_message_id)

    async def remove_live(self, live: Live, platform_message_id: str) -> None:
        await self._connected().live.remove(live, platform_message_id)

    async def remove(self, place: Address, platform_message_id: str) -> None:
        await self._connected().outbox.remove(place, platform_message_id)

    async def close_question(self, place: Address, platform_message_id: str, line: str) -> None:
        await self._connected().outbox.close_question(place, platform_message_id, line)

    async def direct(self, place: Address, user: str) -> Address:
        with errors.translated():
            room = await self._connected().create_dm(discord.Object(int(user)))
        return Address(self.channel_type, "", str(room.id), "")

    async def entitle(self, place: Address, title: str, question: str) -> None:
        client = self._connected()
        with errors.translated():
            await client.threads_of.entitle(place, title[:LONGEST_NAME], question)

    async def fetch(self, place: Address, file: IncomingFile, path: Path, most: int) -> Fetched:
        """From Discord's CDN, by the signed link that came with the message; a broken download is begun again."""
        for attempt in range(FETCH_TRIES):
            await asyncio.sleep(FETCH_PAUSE * attempt)
            try:
                await _download(file.reference, path, most)
            except aiohttp.InvalidURL as error:
                raise FetchError("Discord names no address for it") from error
            except aiohttp.ClientError as error:
                log.info("A download broke: %s", error, extra={"action": "download_broke"})
            else:
                return Fetched()
        raise FetchError("Discord could not be reached")

    async def quoted(self, place: Address, message_id: str) -> Part | None:
        client = self._connected()
        room = client.get_partial_messageable(int(place.thread_id or place.platform_id))
        with errors.translated():
            found = await room.fetch_message(int(message_id))
        said = {"content": found.content}
        spoken = saying.said(said, events.names_for(client, found.guild, said)).text
        text = "\n".join([spoken, *(file.filename for file in found.attachments)]).strip()
        return Part("quoted", text, author=found.author.display_name, author_id=str(found.author.id))

    def _connected(self) -> DoveClient:
        """REST works from the login on, whatever the gateway does."""
        if self._client is None:
            raise Offline("the bot is not connected to Discord")
        return self._client


def next_pause(pause: float, lasted: float) -> float:
    """Seconds until the next life, after one that `lasted` so many and the pause before it."""
    return FIRST_PAUSE if lasted > HEALTHY else min(pause * 2, LONGEST_PAUSE)


async def _download(url: str, path: Path, most: int) -> None:
    """Raises `FetchError` for good, `aiohttp.ClientError` for what may pass."""
    async with aiohttp.ClientSession() as session, session.get(url) as answer:
        if answer.status >= 500:
            answer.raise_for_status()
        if answer.status in (403, 404):
            raise FetchError("Discord no longer has it")
        if answer.status != 200:
            raise FetchError(f"Discord answered {answer.status}")
        await downloads.save(answer.content, path, most)


def _require_intents(client: DoveClient) -> None:
    flags = client.application_flags
    if not (flags.gateway_message_content or flags.gateway_message_content_limited):
        raise BotConfigError(INTENT_MISSING)

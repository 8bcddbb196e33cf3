"""The message that shows a long turn while it works: a stream where Slack allows one, an edited message elsewhere.

A stream carries no metadata before its end, so one whose start has an unknown outcome is found as what all our other
messages are not: ours, in the thread, after the question, without our mark. It dies after about five minutes; a timer ends
it before that, whether anything is heard of the turn or not, from when on the same message is edited. A plan is cards in
the stream; a workspace that refuses them once has a list in an edited message from then on. A crash at any point leaves a
message that the host finds and removes.
"""

from __future__ import annotations

import asyncio
import html
import re
from dataclasses import dataclass
from typing import Any

from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from bots.common.latest import Latest
from bots.common.live import checklist, done_of, lasting, step, tail
from bots.markup import clean
from bots.markup import slack as markup
from bots.slack.client.directory import Directory
from bots.slack.client.errors import TRANSIENT, code_of, failed_look, translated
from bots.slack.reading import histories
from bots.slack.reading.events import Identity
from bots.slack.reading.times import microseconds
from bots.slack.sending import links
from bots.slack.sending.faces import Customizing
from host.ports.bot import Live, Receipt, Rejected, Unsent
from host.words import known, say, told
from sessiondb.plan import Item, State

Json = dict[str, Any]

PAUSE = 1.5  # s between two changes of one live message; Slack takes 50 edits a minute
STREAM_LASTS = 240.0  # s after which a stream is ended: Slack lets it die at about 300
LONGEST = 9_000  # characters that are shown: a stream goes on as an edited message, and that shows the end
NOTICE = 1_000  # characters of the words that notifications show
ROOM = 11_000  # UTF-16 units in a block, what is put between them included
GONE = frozenset({"message_not_found", "thread_not_found"})
NO_CARDS = frozenset({"invalid_blocks", "invalid_chunks"})  # Slack does not take the plan as cards
NO_STREAM = frozenset({"message_not_in_streaming_state", *GONE})

_HALF = re.compile(
    r"(?:<[^<>\n]{0,80}|[@＠﹫&][^\s@&]{0,20})$"
)  # may become a mention: held back until it is whole


@dataclass
class _Written:
    """What a live message shows, as far as this process knows."""

    streaming: bool = False  # more can be appended
    ended: bool = False  # it is no stream, for certain
    old: bool = False  # a stream that is to be ended
    shown: int = 0  # characters
    text: str = ""
    status: str = ""
    plan: tuple[Item, ...] = ()
    planned: bool = False  # what is shown of the status is the title of the plan
    newest: Live | None = None
    aging: asyncio.TimerHandle | None = None


class LiveMessages:
    """`host.ports.bot.ShowsLive`. Raises `host.ports.bot.DeliveryError` and nothing else."""

    def __init__(
        self,
        client: AsyncWebClient,
        people: Directory,
        identity: Identity,
        customizing: Customizing,
    ) -> None:
        self._client = client
        self._people = people
        self._me = identity
        self._customizing = customizing
        self._looks = histories.Looks(client)
        self._perhaps: dict[str, str] = {}  # by key: a message that may be it, of looks that were cut short
        self._written: dict[str, _Written] = {}  # by key
        self._no_cards: set[str] = set()  # workspaces
        self._updates: Latest[tuple[Live, str]] = Latest(self._change, PAUSE)

    async def open(self, live: Live) -> Receipt:
        try:
            if live.address.thread_id and live.asked_by and self._streams(live):
                ts = await self._started(live)
                if ts:
                    return Receipt(ts)
            return Receipt(await self._posted(live))
        except TRANSIENT as error:
            raise translated(error) from error

    async def find(self, live: Live) -> Receipt | None:
        found = self._perhaps.pop(live.key, "")
        try:
            async for message in self._looks.said_since(live.key, live.address, live.opened_at):
                if histories.key_of(message) == live.key:
                    return Receipt(str(message["ts"]))
                if live.address.thread_id and self._may_be(live, message):
                    found = str(message["ts"])
        except TRANSIENT as error:
            if code_of(error) in GONE:
                return None
            if found:  # the next look goes on where this one was cut short
                self._perhaps[live.key] = found
            raise failed_look(error) from error
        return Receipt(found) if found else None

    def update(self, live: Live, ts: str) -> None:
        if (written := self._written.get(live.key)) is not None:
            written.newest = live
        self._updates.offer(live.key, (live, ts))

    def _aged(self, key: str, ts: str) -> None:
        """What is newest of it is shown once more, by then in another way."""
        written = self._written.get(key)
        if written is not None and written.newest is not None and not written.ended:
            written.old = True
            self._updates.offer(key, (written.newest, ts))

    async def remove(self, live: Live, ts: str) -> None:
        """No update may come after it; the second time there is nothing left to remove."""
        await self._updates.end(live.key)
        written = self._written.get(live.key)
        try:
            if written is None or not written.ended:
                await self._ended(live, ts)
            await self._client.chat_delete(channel=live.address.platform_id, ts=ts)
        except TRANSIENT as error:
            if code_of(error) not in GONE:
                raise translated(error) from error
        self._written.pop(live.key, None)
        if written is not None and written.aging is not None:
            written.aging.cancel()

    async def close(self) -> None:
        for written in self._written.values():
            if written.aging is not None:
                written.aging.cancel()
        await self._updates.close()

    def _streams(self, live: Live) -> bool:
        """Whether a stream can show this."""
        return len(live.text) <= LONGEST and not (live.plan and live.address.workspace_id in self._no_cards)

    def _refused(self, live: Live, error: SlackApiError) -> None:
        if live.plan and code_of(error) in NO_CARDS:
            self._no_cards.add(live.address.workspace_id)

    # ── opening ──────────────────────────────────────────────────────────────────────────────────────────

    async def _started(self, live: Live) -> str:
        """The ts of a stream; '' when Slack refuses one here, which proves that there is none."""
        text, status = _text(live), _status(live)
        planned = bool(live.plan)
        team = await self._team_of(live.asked_by)
        try:
            answer = await self._customizing.call(
                live.agent,
                lambda face: self._client.chat_startStream(
                    channel=live.address.platform_id,
                    thread_ts=live.address.thread_id,
                    recipient_user_id=live.asked_by,
                    recipient_team_id=team,
                    chunks=[*_chunks(live, status, text, planned), *_tasks(live, ())],
                    task_display_mode="plan" if planned else None,
                    **face,
                ),
            )
        except SlackApiError as error:
            if isinstance(translated(error), Rejected):
                self._refused(live, error)
                return ""
            raise
        ts = str(answer["ts"])
        self._written[live.key] = _Written(
            streaming=True,
            shown=len(text),
            text=text,
            status=status,
            plan=live.plan,
            planned=planned,
            newest=live,
            aging=asyncio.get_running_loop().call_later(STREAM_LASTS, self._aged, live.key, ts),
        )
        return ts

    async def _posted(self, live: Live) -> str:
        text, blocks = shown_so_far(live)
        answer = await self._customizing.call(
            live.agent,
            lambda face: self._client.chat_postMessage(
                channel=live.address.platform_id,
                thread_ts=live.address.thread_id or None,
                text=text,
                blocks=blocks,
                metadata=histories.marked(live.key),
                unfurl_links=False,
                unfurl_media=False,
                **face,
            ),
        )
        self._written[live.key] = _Written(ended=True)
        return str(answer["ts"])

    async def _team_of(self, user: str) -> str:
        try:
            return (await self._people.person(user)).team or self._me.team
        except TRANSIENT:
            return self._me.team

    def _may_be(self, live: Live, message: Json) -> bool:
        ours = message.get("user") == self._me.user or message.get("bot_id") == self._me.bot
        return (
            ours
            and not histories.key_of(message)
            and not message.get("files")
            and message["ts"] != live.address.thread_id
            and microseconds(message["ts"]) > microseconds(live.answers or "0")
        )

    # ── changing ─────────────────────────────────────────────────────────────────────────────────────────

    async def _change(self, newest: tuple[Live, str]) -> None:
        live, ts = newest
        # Opened by the process before this one, it may be a stream.
        written = self._written.setdefault(live.key, _Written())
        try:
            if written.streaming and await self._appended(live, ts, written):
                return
            written.streaming = False
            if not written.ended:
                await self._ended(live, ts)
                written.ended = True
            text, blocks = shown_so_far(live)
            await self._client.chat_update(channel=live.address.platform_id, ts=ts, text=text, blocks=blocks)
        except TRANSIENT as error:
            raise translated(error) from error

    async def _appended(self, live: Live, ts: str, written: _Written) -> bool:
        """False when the stream has ended, is about to die, or cannot show this."""
        if not self._streams(live) or not _goes_on(live.plan, written.plan):
            return False
        text, status = _text(live), _status(live)
        more = text[len(written.text) :] if text.startswith(written.text) else f"\n\n{text}"
        if written.old or written.shown + len(more) > LONGEST:
            return False
        news = _chunks(
            live, status if status != written.status else "", more if text else "", written.planned
        )
        chunks = [*news, *_tasks(live, written.plan)]
        if not chunks:
            return True
        written.streaming = (
            False  # until this is known to be there: appended twice, it would stand there twice
        )
        try:
            await self._client.chat_appendStream(channel=live.address.platform_id, ts=ts, chunks=chunks)
        except SlackApiError as error:
            found = translated(error)
            written.streaming = isinstance(found, Unsent)
            if isinstance(found, Rejected):
                self._refused(live, error)
                return False
            raise
        written.streaming = True
        written.plan = live.plan
        written.shown += len(more)
        written.text, written.status = text or written.text, status
        return True

    async def _ended(self, live: Live, ts: str) -> None:
        """From here on the message is like any other of ours, its mark included."""
        try:
            await self._client.chat_stopStream(
                channel=live.address.platform_id, ts=ts, metadata=histories.marked(live.key)
            )
        except SlackApiError as error:
            if not isinstance(translated(error), Rejected):
                raise


def _chunks(live: Live, status: str, text: str, planned: bool) -> list[Json]:
    """In a plan the status is its title; a card beside it would be a step of it."""
    card: Json = {"type": "task_update", "id": live.key, "title": status, "status": "in_progress"}
    if planned:
        card = {"type": "plan_update", "title": status}
    return [
        *([card] if status else []),
        *([{"type": "markdown_text", "text": text}] if text else []),
    ]


_CARD = {State.DONE: "complete", State.NOW: "in_progress", State.NEXT: "pending"}


def _tasks(live: Live, before: tuple[Item, ...]) -> list[Json]:
    """A card for each step that is not shown as it is."""
    return [
        {
            "type": "task_update",
            "id": f"{live.key}-{number}",
            "title": _step(step(item)),
            "status": _CARD[item.state],
        }
        for number, item in enumerate(live.plan)
        if item not in before[number : number + 1]
    ]


def _goes_on(plan: tuple[Item, ...], before: tuple[Item, ...]) -> bool:
    """Whether cards can tell it: a stream takes none of its cards back, and none is made another."""
    return [item.text for item in plan[: len(before)]] == [item.text for item in before]


def _text(live: Live) -> str:
    """The text so far as a stream shows it: harmless, and growing at its end alone."""
    return links.growing(markup.quiet(_HALF.sub("", live.text)))


def _status(live: Live) -> str:
    words = links.growing(markup.quiet(told(known(live.status), live.language)))
    said = (
        say("Working: {words}", words=words) if words else say("Writing…") if live.text else say("Working…")
    )
    return f"{said.told(live.language)}{lasting(live.minutes).told(live.language)}"


def _step(text: str) -> str:
    return links.growing(markup.quiet(text))


def shown_so_far(live: Live) -> tuple[str, list[Json]]:
    """As an ordinary message, which shows the end of what is too long for it.

    As it was written, like a stream: to render a text takes as long as whoever wrote it likes, and this is the loop of all.
    """
    shown = ""
    for most in (LONGEST, LONGEST // 2, LONGEST // 4, LONGEST // 8):
        shown = links.growing(markup.quiet(tail(live.text, most)))
        if clean.units(shown) <= ROOM:
            break
    steps = "\n".join(f"- {line}" for line in told(checklist(live.plan, _step), live.language))
    far = done_of(live.plan).told(live.language)
    status = f"_{_status(live)}_ ({far})" if far else f"_{_status(live)}_"
    whole = "\n\n".join(filter(None, (shown, steps, status)))
    return html.escape(whole[-NOTICE:], quote=False), [{"type": "markdown", "text": whole}]

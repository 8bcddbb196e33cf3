"""Trigger ids and response URLs: the short-lived rights that an interaction gives the app."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from .errors import ApiError
from .events import Events
from .limits import Limits
from .records import Ephemeral, Json, Message
from .workspace import Workspace


@dataclass
class _Trigger:
    user: str
    expires_at: float
    used: bool = False


@dataclass
class _ResponseUrl:
    channel: str
    user: str
    source: Message | Ephemeral | None  # what was clicked; None for a slash command
    uses_left: int
    expires_at: float


class Interactions:
    """trigger_id: once, within three seconds; response_url: five times ("Handling user interaction")."""

    def __init__(
        self, workspace: Workspace, events: Events, limits: Limits, now: Callable[[], float]
    ) -> None:
        self.trigger_lifetime = 3.0  # seconds
        self._workspace = workspace
        self._events = events
        self._limits = limits
        self._now = now
        self._triggers: dict[str, _Trigger] = {}
        self._urls: dict[str, _ResponseUrl] = {}
        self.responded: list[Json] = []  # to response_urls

    @property
    def triggers(self) -> set[str]:
        return set(self._triggers)

    def trigger(self, user_id: str) -> str:
        trigger_id = f"{len(self._triggers) + 1}.{secrets.token_hex(8)}"
        self._triggers[trigger_id] = _Trigger(user_id, self._now() + self.trigger_lifetime)
        return trigger_id

    def spend(self, trigger_id: str | None) -> str:
        """The user whose interaction it was ("views.open": errors)."""
        trigger = self._triggers.get(trigger_id or "")
        if trigger is None:
            raise ApiError("invalid_trigger_id")
        if trigger.used:
            raise ApiError("exchanged_trigger_id")
        if self._now() > trigger.expires_at:
            raise ApiError("expired_trigger_id")
        trigger.used = True
        return trigger.user

    def response_url(self, origin: str, channel: str, user: str, source: Message | Ephemeral | None) -> str:
        key = secrets.token_hex(12)
        until = self._now() + self._limits.response_url_lifetime
        self._urls[key] = _ResponseUrl(channel, user, source, self._limits.response_url_uses, until)
        return f"{origin}/response/{key}"

    def knows(self, key: str) -> bool:
        return key in self._urls

    def respond(self, key: str, body: Json) -> None:
        """What the app posted to a response_url."""
        self.responded.append(body)
        target = self._urls.get(key)
        if target is None or not target.uses_left:
            raise ApiError("used_url")
        if self._now() > target.expires_at:
            raise ApiError("expired_url")
        target.uses_left -= 1
        self.answer(target.channel, target.user, body, target.source)

    def answer(self, channel: str, user: str, body: Json, source: Message | Ephemeral | None = None) -> None:
        """A response as message; also the payload that acknowledged a slash command ("Slash commands")."""
        if body.get("delete_original"):
            self._delete(source)
        elif body.get("replace_original") and source is not None:
            self._replace(source, body)
        elif not body.get("text") and not body.get("blocks"):
            return
        elif body.get("response_type") == "in_channel":
            bot = self._workspace.bot
            message = Message(channel, self._workspace.clock.ts(), bot.id, str(body.get("text", "")))
            message.bot_id, message.app_id, message.blocks = bot.bot_id, bot.app_id, self._blocks(body)
            message.thread_ts = body.get("thread_ts")
            self._events.message_posted(self._workspace.add_message(message))
        else:
            ts = self._workspace.clock.ts()
            text, blocks = str(body.get("text", "")), self._blocks(body)
            self._workspace.ephemerals.append(
                Ephemeral(channel, user, ts, text, blocks, body.get("thread_ts"))
            )

    def _blocks(self, body: Json) -> list[Json]:
        return self._workspace.name_blocks(body.get("blocks") or [])

    def _replace(self, source: Message | Ephemeral, body: Json) -> None:
        if isinstance(source, Ephemeral):
            source.text, source.blocks = str(body.get("text", "")), self._blocks(body)
            return
        before = self._events.snapshot(source)
        source.text, source.blocks = str(body.get("text", "")), self._blocks(body)
        self._events.message_changed(before, source)

    def _delete(self, source: Message | Ephemeral | None) -> None:
        if isinstance(source, Ephemeral):
            self._workspace.ephemerals.remove(source)
        elif source is not None:
            before = self._events.snapshot(source)
            self._workspace.remove_message(source)
            self._events.message_deleted(before, self._workspace.channels[source.channel])

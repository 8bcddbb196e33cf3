"""The Events API's payloads, one builder per event, and who is told ("Events API": event types)."""

from __future__ import annotations

from collections.abc import Callable

from . import wire
from .delivery import Courier, Delivery
from .optional import spared
from .records import Channel, ChannelKind, Json, Message, User
from .workspace import Workspace

MESSAGE_SUBSCRIPTIONS: dict[ChannelKind, str] = {
    "channel": "message.channels",
    "group": "message.groups",
    "im": "message.im",
    "mpim": "message.mpim",
}
ALL_SUBSCRIPTIONS = frozenset(
    {
        *MESSAGE_SUBSCRIPTIONS.values(),
        "app_mention",
        "app_uninstalled",
        "reaction_added",
        "reaction_removed",
        "member_joined_channel",
        "app_home_opened",
        "agent_session_stopped",
        "channel_shared",
        "channel_unshared",
        "channel_archive",
        "channel_deleted",
        "channel_id_changed",
        "channel_left",
        "channel_rename",
        "channel_unarchive",
        "group_archive",
        "group_deleted",
        "group_left",
        "group_rename",
        "group_unarchive",
        "member_left_channel",
        "tokens_revoked",
        "user_change",
    }
)


class Events:
    """Publishes to the app what it subscribed to, of the conversations that its bot is in."""

    def __init__(self, workspace: Workspace, courier: Courier, origin: Callable[[], str]) -> None:
        self.subscriptions: set[str] = set(ALL_SUBSCRIPTIONS)
        self.mention_first = False  # FACTS: `message` and `app_mention` come in any order
        self._workspace = workspace
        self._courier = courier
        self._origin = origin

    def message_posted(self, message: Message) -> None:
        """A mention gives `message` and `app_mention`: two event_ids, one ts (FACTS). Not so in DMs."""
        channel = self._workspace.channels[message.channel]
        event = self.snapshot(message) | {
            "channel": channel.id,
            "event_ts": message.ts,
            "channel_type": channel.kind,
        }
        if message.metadata is not None:
            event["metadata"] = message.metadata
        posts = [(event, MESSAGE_SUBSCRIPTIONS[channel.kind])]
        if self._mentions_bot(message) and channel.kind in ("channel", "group", "mpim"):
            unwanted = ("subtype", "channel_type", "metadata")
            mention = {name: value for name, value in event.items() if name not in unwanted}
            posts.append((mention | {"type": "app_mention"}, "app_mention"))
        for each, subscription in reversed(posts) if self.mention_first else posts:
            self.publish(each, subscription, channel)

    def message_changed(self, before: Json, message: Message) -> None:
        """FACTS: also fires for unfurls, with the same text."""
        channel = self._workspace.channels[message.channel]
        self._hidden(channel, {"subtype": "message_changed", "message": self.snapshot(message)}, before)

    def message_deleted(self, before: Json, channel: Channel) -> None:
        self._hidden(channel, {"subtype": "message_deleted", "deleted_ts": before["ts"]}, before)

    def _hidden(self, channel: Channel, parts: Json, before: Json) -> None:
        ts = self._workspace.clock.ts()
        event = {
            "type": "message",
            "hidden": True,
            "channel": channel.id,
            "ts": ts,
            "event_ts": ts,
            "channel_type": channel.kind,
            "previous_message": before,
            **parts,
        }
        self.publish(event, MESSAGE_SUBSCRIPTIONS[channel.kind], channel)

    def reaction(self, kind: str, user: User, message: Message, name: str) -> None:
        """`kind` is reaction_added or reaction_removed."""
        event = {
            "type": kind,
            "user": user.id,
            "reaction": name,
            "item": {"type": "message", "channel": message.channel, "ts": message.ts},
            "event_ts": self._workspace.clock.ts(),
        }
        if message.user is not None:
            event["item_user"] = message.user
        self.publish(spared("reaction", event), kind, self._workspace.channels[message.channel])

    def joined(self, user: User, channel: Channel) -> None:
        event = {
            "type": "member_joined_channel",
            "user": user.id,
            "channel": channel.id,
            "channel_type": "C" if channel.kind == "channel" else "G",
            "team": user.team_id,
            "event_ts": self._workspace.clock.ts(),
        }
        self.publish(event, "member_joined_channel", channel)

    def shared(self, channel: Channel) -> None:
        """A channel is shared with another workspace, or no more ("channel_shared", "channel_unshared")."""
        kind = "channel_shared" if channel.ext_shared else "channel_unshared"
        event: Json = {"type": kind, "channel": channel.id, "event_ts": self._workspace.clock.ts()}
        event |= (
            {"connected_team_id": self._workspace.other_team_id}
            if channel.ext_shared
            else {
                "previously_connected_team_id": self._workspace.other_team_id,
                "is_ext_shared": False,
            }
        )
        self.publish(event, kind, channel)

    def about_channel(self, kind: str, channel: Channel, **more: object) -> None:
        """`kind` is "archive", "unarchive", "deleted", "left" or "rename"; a private channel's is called group_…."""
        name = f"{'channel' if channel.kind == 'channel' else 'group'}_{kind}"
        about: object = channel.id
        if kind == "rename":
            about = {"id": channel.id, "name": channel.name, "created": channel.created}
        event: Json = {"type": name, "channel": about, "event_ts": self._workspace.clock.ts(), **more}
        self._send(event, name)

    def person(self, user: User) -> None:
        """The whole workspace's app hears of it ("user_change")."""
        event: Json = {"type": "user_change", "user": wire.user(user), "event_ts": self._workspace.clock.ts()}
        self._send(event, "user_change")

    def gone(self, kind: str, team: str | None = "", organisation: str | None = None, **more: object) -> None:
        """ "app_uninstalled", or "tokens_revoked": their pages show no `authorizations`; and, of an organisation, which
        workspaces its token is good for."""
        workspace = self._workspace
        payload: Json = {
            "token": "verification-token",
            "team_id": workspace.team_id if team == "" else team,
            **({"enterprise_id": organisation} if organisation else {}),
            "api_app_id": workspace.app_id,
            "event": {"type": kind, **more},
            "type": "event_callback",
            "event_id": workspace.ids.mint("Ev"),
            "event_time": workspace.clock.seconds(),
        }
        self._courier.submit("events_api", payload)

    def home_opened(self, user: User, channel: Channel, tab: str) -> None:
        """Home, or the conversation of an agent app ("app_home_opened": tab)."""
        event: Json = {
            "type": "app_home_opened",
            "user": user.id,
            "channel": channel.id,
            "tab": tab,
            "event_ts": self._workspace.clock.ts(),
        }
        if (home := self._workspace.homes.get(user.id)) is not None:
            event["view"] = wire.view(self._workspace, home)
        self.publish(event, "app_home_opened", channel)

    def session_stopped(self, user: User, channel: Channel, thread_ts: str, streams: list[str]) -> None:
        """Names the streams that Slack stopped for the click; no status changes ("agent_session_stopped")."""
        event = {
            "type": "agent_session_stopped",
            "user": user.id,
            "channel": channel.id,
            "thread_ts": thread_ts,
            "streaming_message_ts": streams,
            "event_ts": self._workspace.clock.ts(),
        }
        self.publish(event, "agent_session_stopped", channel)

    def snapshot(self, message: Message) -> Json:
        """The message as it is now; taken before a change it becomes `previous_message`."""
        return wire.message(self._workspace, message, self._origin())

    def _mentions_bot(self, message: Message) -> bool:
        bot = self._workspace.bot.id
        return message.user != bot and (f"<@{bot}>" in message.text or f"<@{bot}|" in message.text)

    def publish(self, event: Json, subscription: str, channel: Channel) -> Delivery | None:
        if self._workspace.bot.id not in channel.members:
            return None
        return self._send(event, subscription, shared=channel.ext_shared)

    def _send(self, event: Json, subscription: str, *, shared: bool = False) -> Delivery | None:
        workspace = self._workspace
        if subscription not in self.subscriptions:
            return None
        payload: Json = {
            "token": "verification-token",
            "team_id": workspace.team_id,
            "context_team_id": workspace.team_id,
            "context_enterprise_id": workspace.organisation or None,
            "api_app_id": workspace.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": workspace.ids.mint("Ev"),
            "event_time": workspace.clock.seconds(),
            "authorizations": [
                {
                    "enterprise_id": workspace.organisation or None,
                    "team_id": workspace.team_id,
                    "user_id": workspace.bot.id,
                    "is_bot": True,
                    "is_enterprise_install": bool(workspace.organisation),
                }
            ],
            "is_ext_shared_channel": shared,
        }
        return self._courier.submit("events_api", spared("envelope", payload))

"""What people and other bots do in conversations."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Sequence

from .core import Core
from .records import Channel, File, Json, Message, User

# What a person's client sends as markup: references, and links as Slack found them in the text.
REFERENCE = re.compile(r"<(@[UW]\w+|#C\w+(\|[^<>]*)?|![a-z]+(\^\w+)?(\|[^<>]*)?)>")
LINK = re.compile(r"https?://[^\s<>]+")


def escape(text: str) -> str:
    """As Slack passes it on ("Formatting message text"): & < > escaped, references kept, URLs in <>."""
    parts, position = [], 0
    for reference in REFERENCE.finditer(text):
        parts += [_plain(text[position : reference.start()]), reference.group()]
        position = reference.end()
    return "".join([*parts, _plain(text[position:])])


def _plain(text: str) -> str:
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return LINK.sub(r"<\g<0>>", escaped)


class Acts(Core):
    """People act; the state changes at once, and the app is told by way of events."""

    def mention(self, user: User | str | None = None) -> str:
        """The markup for a person, or for the bot."""
        return f"<@{self.bot_user_id if user is None else self.user_of(user).id}>"

    def say(
        self,
        user: User | str,
        channel: Channel | str,
        text: str,
        thread_ts: str | None = None,
        *,
        files: Iterable[tuple[str, bytes]] = (),
        broadcast: bool = False,
        subtype: str | None = None,
    ) -> Message:
        """A message as a person types it; `files` are names and contents ("message event": file_share)."""
        author, place = self.user_of(user), self.channel_of(channel)
        uploads = [self._upload(author, name, content) for name, content in files]
        default = "file_share" if uploads else "thread_broadcast" if broadcast else None
        message = Message(
            channel=place.id,
            ts=self.workspace.clock.ts(),
            user=author.id,
            text=escape(text),
            thread_ts=thread_ts,
            subtype=subtype or default,
            client_msg_id=str(uuid.uuid4()),
            files=uploads,
        )
        return self._posted(message)

    def post(self, channel: Channel | str, event: Json, thread_ts: str | None = None) -> Message:
        """A message of any shape, its members as given; `{api}` in them is this server's address."""
        given = json.loads(json.dumps(event).replace("{api}", self.origin))
        place = self.channel_of(channel)
        user = given["user"] if str(given.get("user")) in self.workspace.users else None
        message = Message(place.id, self.workspace.clock.ts(), user, str(given.get("text", "")), thread_ts)
        message.subtype, message.bot_id = given.get("subtype"), given.get("bot_id")
        message.more = {
            name: value for name, value in given.items() if name not in ("channel", "channel_type")
        }
        return self._posted(message)

    def keep(
        self,
        id_: str,
        content: bytes,
        content_type: str = "application/octet-stream",
        record: Json | None = None,
    ) -> None:
        """A file at `{api}/files-pri/ID/…`; `record` is what files.info says of it."""
        told = None if record is None else json.loads(json.dumps(record).replace("{api}", self.origin))
        file = File(
            id_, id_, id_, len(content), self.workspace.bot.id, self.workspace.clock.seconds(), content
        )
        file.record, file.content_type = told, content_type
        self.workspace.files[id_] = file

    def say_as_bot(
        self,
        bot: User,
        channel: Channel | str,
        text: str,
        thread_ts: str | None = None,
        *,
        legacy: bool = False,
    ) -> Message:
        """Another bot's message. `legacy`: the subtype bot_message, which has no user ("bot_message")."""
        message = Message(self.channel_of(channel).id, self.workspace.clock.ts(), bot.id, text, thread_ts)
        message.bot_id, message.app_id = bot.bot_id, bot.app_id
        if legacy:
            message.user, message.subtype, message.username = None, "bot_message", bot.name
        return self._posted(message)

    def edit(self, message: Message, text: str) -> None:
        before = self.events.snapshot(message)
        message.text = escape(text)
        message.edited_at, message.edited_by = self.workspace.clock.ts(), message.user
        self.events.message_changed(before, message)
        self.changes.pulse()

    def unfurl(self, message: Message, url: str) -> None:
        """Slack adds a preview: message_changed with the same text (FACTS)."""
        before = self.events.snapshot(message)
        message.attachments = [{"id": 1, "from_url": url, "original_url": url, "title": "A preview"}]
        self.events.message_changed(before, message)
        self.changes.pulse()

    def delete(self, message: Message) -> None:
        before = self.events.snapshot(message)
        if self.workspace.remove_message(message):
            self.events.message_deleted(before, self.workspace.channels[message.channel])
        else:
            self.events.message_changed(before, message)
        self.changes.pulse()

    def react(self, user: User | str, message: Message, name: str) -> None:
        person = self.user_of(user)
        message.reactions.setdefault(name, []).append(person.id)
        self.events.reaction("reaction_added", person, message, name)
        self.changes.pulse()

    def unreact(self, user: User | str, message: Message, name: str) -> None:
        person = self.user_of(user)
        message.reactions[name].remove(person.id)
        if not message.reactions[name]:
            del message.reactions[name]
        self.events.reaction("reaction_removed", person, message, name)
        self.changes.pulse()

    def join(self, user: User | str, channel: Channel | str) -> None:
        """Someone joins, or with the bot as `user`, the bot is invited ("member_joined_channel")."""
        person, place = self.user_of(user), self.channel_of(channel)
        self.workspace.join(person.id, place)
        self.events.joined(person, place)
        self.changes.pulse()

    def leave(self, user: User | str, channel: Channel | str) -> None:
        """Somebody goes, or with the bot as `user` is taken out: then it hears that it left ("channel_left")."""
        person, place = self.user_of(user), self.channel_of(channel)
        place.members.remove(person.id)
        if person.id == self.bot_user_id:
            self.events.about_channel("left", place)
        self.changes.pulse()

    def archive(self, channel: Channel | str, *, archived: bool = True) -> None:
        place = self.channel_of(channel)
        place.archived = archived
        if self.bot_user_id in place.members:
            self.events.about_channel("archive" if archived else "unarchive", place, user="U0ADMIN")
        self.changes.pulse()

    def rename(self, channel: Channel | str, name: str) -> None:
        place = self.channel_of(channel)
        place.name = name
        self.events.about_channel("rename", place)
        self.changes.pulse()

    def remove_channel(self, channel: Channel | str) -> None:
        """For good ("channel_deleted")."""
        place = self.channel_of(channel)
        del self.workspace.channels[place.id]
        self.events.about_channel("deleted", place)
        self.changes.pulse()

    def deactivate(self, user: User | str, *, deleted: bool = True) -> None:
        person = self.user_of(user)
        person.deleted = deleted
        self.events.person(person)
        self.changes.pulse()

    def open_home(self, user: User | str, tab: str = "home") -> None:
        person = self.user_of(user)
        self.events.home_opened(person, self.workspace.direct([person.id]), tab)

    def stop_agent_session(self, user: User | str, channel: Channel | str, thread_ts: str) -> None:
        """The Stop button: Slack ends the thread's streams; the status is the app's to change."""
        place = self.channel_of(channel)
        stopped = self._streaming(place.thread(thread_ts))
        for message in stopped:
            self.kill_stream(message)
        self.events.session_stopped(self.user_of(user), place, thread_ts, [message.ts for message in stopped])

    def kill_stream(self, message: Message) -> None:
        """The stream is dead from now on (FACTS: message_not_in_streaming_state)."""
        if message.stream is not None:
            message.stream.state = "dead"
        self.changes.pulse()

    @staticmethod
    def _streaming(messages: Sequence[Message]) -> list[Message]:
        return [m for m in messages if m.stream is not None and m.stream.state == "streaming"]

    def _upload(self, user: User, name: str, content: bytes) -> File:
        created = self.workspace.clock.seconds()
        file = File(self.workspace.ids.mint("F"), name, name, len(content), user.id, created, content)
        self.workspace.files[file.id] = file
        return file

    def _posted(self, message: Message) -> Message:
        self.workspace.add_message(message)
        self.events.message_posted(message)
        self.changes.pulse()
        return message

"""What people do in their clients. Nothing here awaits: the bot hears of it through its socket.

An act that Discord would refuse a person raises ApiError; one that their client would not offer (a button
that is not there, a command nobody registered) raises NotOfferedError.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tests.fakes.discord import events, interactions, limits, messages, payloads, permissions, threads
from tests.fakes.discord.builder import Builder
from tests.fakes.discord.events import Event
from tests.fakes.discord.model import (
    Channel,
    Interaction,
    InteractionType,
    Json,
    Message,
    MessageType,
    Role,
    User,
)
from tests.fakes.discord.permissions import Permission
from tests.fakes.discord.state import Upload, visible

SLASH, USER_MENU, MESSAGE_MENU = 1, 2, 3
SUBCOMMAND, SUBCOMMAND_GROUP = 1, 2
Option = str | int | float | bool | User | Role | Channel | Upload


class NotOfferedError(LookupError):
    """A person's client does not show this."""


class People(Builder):
    def say(
        self,
        user: User,
        channel: Channel,
        content: str = "",
        *,
        attachments: Sequence[Upload] = (),
        mention_bot: bool = False,
        reply_to: Message | None = None,
        ping: bool = True,
        embeds: Sequence[Json] = (),
    ) -> Message:
        """`mention_bot` puts the mention in front; `ping=False` replies without notifying the author."""
        text = f"{self.world.bot.mention} {content}" if mention_bot else content
        body: Json = {"content": text, "embeds": list(embeds)}
        if reply_to is not None:
            body["message_reference"] = {"message_id": str(reply_to.id)}
            body["allowed_mentions"] = {"parse": ["users", "roles", "everyone"], "replied_user": ping}
        return messages.create(self.world, user, channel, body, attachments)

    def post(self, user: User, channel: Channel, fields: Json, *, reply_to: Message | None = None) -> Message:
        """A message of any shape, its fields as given; `{cdn}` in them is the address of this server's files."""
        given = json.loads(json.dumps(fields).replace("{cdn}", self.world.cdn_url))
        message = Message(self.world.ids.next(), channel, user, content=str(given.get("content", "")))
        message.replies_to, message.more = reply_to, given
        if reply_to is not None:
            message.type = MessageType.REPLY
        return messages.add(self.world, message)

    def edit(self, user: User, message: Message, content: str) -> Message:
        return messages.edit_as(self.world, user, message, {"content": content})

    def unfurl(self, message: Message, embed: Json) -> Message:
        """Discord adds a link's preview by itself: MESSAGE_UPDATE without an edit (FACTS)."""
        message.embeds = [*message.embeds, embed]
        messages.announce_edit(self.world, message)
        return message

    def delete(self, user: User, message: Message) -> None:
        messages.delete_as(self.world, user, message)

    def delete_many(self, user: User, channel: Channel, doomed: Sequence[Message]) -> None:
        messages.delete_many(self.world, user, channel, doomed)

    def react(self, user: User, message: Message, emoji: str) -> None:
        messages.react(self.world, user, message, emoji)

    def unreact(self, user: User, message: Message, emoji: str) -> None:
        messages.unreact(self.world, user, message, emoji, user)

    def type_in(self, user: User, channel: Channel) -> None:
        data = {
            "user_id": str(user.id),
            "timestamp": self.world.clock.ms // 1000,
            **messages.place(channel),
        }
        if channel.guild is not None:
            data["member"] = payloads.member(channel.guild.members[user.id])
        self.world.publish(Event("TYPING_START", data, events.typing_intent(channel), channel))

    def start_thread(self, user: User, message: Message, name: str = "thread") -> Channel:
        return threads.from_message(self.world, user, message, {"name": name})

    def post_in_forum(
        self,
        user: User,
        forum: Channel,
        name: str,
        content: str,
        *,
        attachments: Sequence[Upload] = (),
        tags: Sequence[str] = (),
    ) -> tuple[Channel, Message]:
        ids = [tag["id"] for tag in forum.tags if tag["name"] in tags]
        body = {"name": name, "applied_tags": ids, "message": {"content": content}}
        return threads.forum_post(self.world, user, forum, body, attachments)

    def archive(self, thread: Channel) -> None:
        """The thread was quiet for long enough."""
        threads.archive(self.world, thread)

    def edit_thread(self, user: User, thread: Channel, **changes: Any) -> Channel:
        return threads.edit(self.world, user, thread, changes)

    def delete_channel(self, user: User, channel: Channel) -> None:
        threads.delete(self.world, user, channel)

    def add_to_thread(self, thread: Channel, user: User) -> None:
        threads.join(self.world, thread, user)

    def remove_from_thread(self, thread: Channel, user: User) -> None:
        threads.leave(self.world, thread, user)

    def run_command(
        self, user: User, channel: Channel, name: str, options: Mapping[str, Option] | None = None
    ) -> Interaction:
        """A slash command the app has registered; `name` may go on with a group and a subcommand."""
        words = name.split()
        command = self._command(user, channel, words[0], SLASH)
        leaf = command
        for word in words[1:]:
            leaf = _named(leaf, word)
        resolved: Json = {}
        given = [self._option(channel, leaf, key, value, resolved) for key, value in (options or {}).items()]
        missing = {o["name"] for o in leaf.get("options") or () if o.get("required")} - set(options or {})
        if missing:
            raise NotOfferedError(f"/{name} needs {sorted(missing)}")
        for depth, word in reversed(list(enumerate(words[1:], 1))):
            kind = SUBCOMMAND if depth == len(words) - 1 else SUBCOMMAND_GROUP
            given = [{"name": word, "type": kind, "options": given}]
        data = _command_data(command, resolved)
        return self._interact(InteractionType.COMMAND, user, channel, {**data, "options": given})

    def run_message_command(self, user: User, message: Message, name: str) -> Interaction:
        """From a message's context menu."""
        command = self._command(user, message.channel, name, MESSAGE_MENU)
        resolved = {"messages": {str(message.id): payloads.message(message, self.world.bot)}}
        data = {**_command_data(command, resolved), "target_id": str(message.id)}
        return self._interact(InteractionType.COMMAND, user, message.channel, data)

    def run_user_command(self, user: User, channel: Channel, target: User, name: str) -> Interaction:
        command = self._command(user, channel, name, USER_MENU)
        resolved: Json = {}
        self._resolve(channel, target, resolved)
        data = {**_command_data(command, resolved), "target_id": str(target.id)}
        return self._interact(InteractionType.COMMAND, user, channel, data)

    def autocomplete(self, user: User, channel: Channel, name: str, focused: str, typed: str) -> Interaction:
        """The person is typing an option of a slash command; the suggestions arrive in `.choices`."""
        command = self._command(user, channel, name, SLASH)
        option = _named(command, focused)
        given = [{"name": focused, "type": option["type"], "value": typed, "focused": True}]
        data = {**_command_data(command, {}), "options": given}
        return self._interact(InteractionType.AUTOCOMPLETE, user, channel, data)

    def click(self, user: User, message: Message, custom_id: str) -> Interaction:
        component = self._component(user, message, custom_id)
        data = {"custom_id": custom_id, "component_type": component["type"], "id": component.get("id", 1)}
        return self._interact(InteractionType.COMPONENT, user, message.channel, data, message)

    def select(
        self, user: User, message: Message, custom_id: str, values: Sequence[str | User | Role | Channel]
    ) -> Interaction:
        component = self._component(user, message, custom_id)
        offered = {option["value"] for option in component.get("options") or ()}
        resolved: Json = {}
        chosen: list[str] = []
        for value in values:
            if isinstance(value, str):
                if value not in offered:
                    raise NotOfferedError(f"The select {custom_id!r} offers {sorted(offered)}")
                chosen.append(value)
            else:
                chosen.append(str(value.id))
                self._resolve(message.channel, value, resolved)
        data: Json = {"custom_id": custom_id, "component_type": component["type"], "values": chosen}
        if resolved:
            data["resolved"] = resolved
        return self._interact(InteractionType.COMPONENT, user, message.channel, data, message)

    def submit_modal(
        self, user: User, opened: Interaction, values: Mapping[str, str | Sequence[str]]
    ) -> Interaction:
        """Sends the modal that `opened` was answered with; inputs that are not named stay as it shows them."""
        if opened.modal is None or opened.user is not user:
            raise NotOfferedError("No modal is open for this person")
        inputs = {component.get("custom_id") for _, component in limits.walk(opened.modal["components"])}
        unknown = set(values) - inputs
        if unknown:
            raise NotOfferedError(f"The modal has no inputs {sorted(unknown)}")
        components = [_submitted(component, values) for component in opened.modal["components"]]
        data = {"custom_id": opened.modal["custom_id"], "components": components}
        return self._interact(InteractionType.MODAL_SUBMIT, user, opened.channel, data, opened.message)

    def _interact(
        self, kind: InteractionType, user: User, channel: Channel, data: Json, message: Message | None = None
    ) -> Interaction:
        return interactions.begin(self.world, kind, user, channel, data, message)

    def _command(self, user: User, channel: Channel, name: str, kind: int) -> Json:
        """Guild commands come before global ones; `default_member_permissions` hides a command."""
        scopes = [0] if channel.guild is None else [channel.guild.id, 0]
        known = [command for scope in scopes for command in self.world.commands.get(scope, [])]
        found = next((c for c in known if c["name"] == name and c["type"] == kind), None)
        if found is None:
            raise NotOfferedError(f"The app has no command {name!r}; it has {[c['name'] for c in known]}")
        permissions.require(channel, user, Permission.USE_APPLICATION_COMMANDS)
        needed = int(found["default_member_permissions"] or 0)
        if channel.guild is not None and needed & ~permissions.in_channel(channel, user):
            raise NotOfferedError(f"{user.name} may not see the command {name!r}")
        return found

    def _option(self, channel: Channel, command: Json, key: str, value: Option, resolved: Json) -> Json:
        option = _named(command, key)
        data = {"name": key, "type": option["type"]}
        if isinstance(value, Upload):
            stored = self.world.store(channel, value)
            resolved.setdefault("attachments", {})[str(stored.id)] = payloads.attachment(stored)
            return {**data, "value": str(stored.id)}
        if isinstance(value, User | Role | Channel):
            self._resolve(channel, value, resolved)
            return {**data, "value": str(value.id)}
        choices = {choice["value"] for choice in option.get("choices") or ()}
        if choices and value not in choices:
            raise NotOfferedError(f"The option {key!r} offers {sorted(map(str, choices))}")
        return {**data, "value": value}

    def _resolve(self, channel: Channel, value: User | Role | Channel, resolved: Json) -> None:
        """Docs, "Resolved Data Structure"."""
        key = str(value.id)
        if isinstance(value, Role):
            resolved.setdefault("roles", {})[key] = payloads.role(value)
        elif isinstance(value, Channel):
            bits = {"permissions": "0"}
            resolved.setdefault("channels", {})[key] = {**payloads.channel(value), **bits}
        else:
            resolved.setdefault("users", {})[key] = payloads.user(value)
            if channel.guild is not None and value.id in channel.guild.members:
                member = payloads.member(channel.guild.members[value.id], with_user=False)
                bits = {"permissions": str(int(permissions.in_channel(channel, value)))}
                resolved.setdefault("members", {})[key] = {**member, **bits}

    def _component(self, user: User, message: Message, custom_id: str) -> Json:
        sees = permissions.in_channel(message.channel, user) & Permission.VIEW_CHANNEL
        if message.deleted or not sees or not visible(message, user):
            raise NotOfferedError(f"{user.name} does not see this message")
        for _, component in limits.walk(message.components):
            if component.get("custom_id") == custom_id and not component.get("disabled"):
                return component
        raise NotOfferedError(f"The message has no enabled component {custom_id!r}")


def _named(command: Json, name: str) -> Json:
    for option in command.get("options") or ():
        if option["name"] == name:
            found: Json = option
            return found
    raise NotOfferedError(f"{command['name']!r} has no option {name!r}")


def _command_data(command: Json, resolved: Json) -> Json:
    data: Json = {"id": command["id"], "name": command["name"], "type": command["type"]}
    if "guild_id" in command:
        data["guild_id"] = command["guild_id"]
    return {**data, "resolved": resolved} if resolved else data


def _submitted(component: Json, values: Mapping[str, str | Sequence[str]]) -> Json:
    """Docs, "Modal Submit Data Structure": rows and labels around what was entered."""
    kind = component["type"]
    if kind == limits.ACTION_ROW:
        return {"type": kind, "id": 1, "components": [_submitted(c, values) for c in component["components"]]}
    if kind == limits.LABEL:
        return {"type": kind, "id": 1, "component": _submitted(component["component"], values)}
    if kind == limits.TEXT_DISPLAY:
        return {"type": kind, "id": 1}
    data: Json = {"type": kind, "id": 1, "custom_id": component["custom_id"]}
    if kind in limits.SELECTS:
        return {**data, "values": _chosen(component, values.get(component["custom_id"]))}
    return {**data, "value": values.get(component["custom_id"], component.get("value") or "")}


def _chosen(component: Json, named: str | Sequence[str] | None) -> list[str]:
    """Docs, "String Select" and "User Select": the client refuses what is not offered, too few and too many."""
    options = component.get("options") or []
    shown = [o["value"] for o in options if o.get("default")]
    shown += [one["id"] for one in component.get("default_values") or []]
    chosen = shown if named is None else [named] if isinstance(named, str) else list(named)
    chosen = [one for one in chosen if one]
    least = component.get("min_values", 1) if component.get("required", True) else 0
    if not least <= len(chosen) <= component.get("max_values", 1):
        raise NotOfferedError(
            f"The select {component['custom_id']!r} takes {least} to {component.get('max_values', 1)}"
        )
    if options and not {o["value"] for o in options}.issuperset(chosen):
        raise NotOfferedError(f"The select {component['custom_id']!r} does not offer {chosen}")
    return chosen

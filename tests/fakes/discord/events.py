"""Gateway events and who gets them (Discord docs, "Events: Gateway", Intents)."""

from dataclasses import dataclass
from enum import IntFlag

from tests.fakes.discord.model import Channel, Json, Message, User


class Intent(IntFlag):
    NONE = 0
    GUILDS = 1 << 0
    GUILD_MEMBERS = 1 << 1
    GUILD_PRESENCES = 1 << 8
    GUILD_MESSAGES = 1 << 9
    GUILD_MESSAGE_REACTIONS = 1 << 10
    GUILD_MESSAGE_TYPING = 1 << 11
    DIRECT_MESSAGES = 1 << 12
    DIRECT_MESSAGE_REACTIONS = 1 << 13
    DIRECT_MESSAGE_TYPING = 1 << 14
    MESSAGE_CONTENT = 1 << 15


PRIVILEGED = Intent.GUILD_MEMBERS | Intent.GUILD_PRESENCES | Intent.MESSAGE_CONTENT


@dataclass(frozen=True)
class Event:
    """One thing to dispatch. `channel`: only if the bot may see it. `message`: whose content `data` holds."""

    name: str
    data: Json
    intent: Intent = Intent.NONE  # NONE: sent whatever the intents
    channel: Channel | None = None
    message: Message | None = None


def message_intent(channel: Channel) -> Intent:
    return Intent.DIRECT_MESSAGES if channel.guild is None else Intent.GUILD_MESSAGES


def reaction_intent(channel: Channel) -> Intent:
    return Intent.DIRECT_MESSAGE_REACTIONS if channel.guild is None else Intent.GUILD_MESSAGE_REACTIONS


def typing_intent(channel: Channel) -> Intent:
    return Intent.DIRECT_MESSAGE_TYPING if channel.guild is None else Intent.GUILD_MESSAGE_TYPING


def exempt_from_content_intent(message: Message, bot: User) -> bool:
    """Docs, "Message Content Intent": own messages, DMs and messages that mention the app keep it."""
    return message.channel.guild is None or message.author is bot or bot in message.mentions


def without_content(data: Json) -> Json:
    """`data` of a message with the fields emptied that hold what people wrote; a quoted message as well."""
    redacted = {**data, "content": "", "embeds": [], "attachments": [], "components": []}
    if data.get("referenced_message"):
        redacted["referenced_message"] = without_content(data["referenced_message"])
    return redacted

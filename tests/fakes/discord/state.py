"""The world the fake serves: the application, its users, guilds and channels, and who listens to changes."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

from tests.fakes.discord import errors, events, payloads, permissions
from tests.fakes.discord.clock import Clock, Snowflakes
from tests.fakes.discord.events import Event, Intent
from tests.fakes.discord.model import (
    Attachment,
    Channel,
    ChannelType,
    Guild,
    Interaction,
    Json,
    Member,
    Message,
    User,
)


@dataclass
class Settings:
    """What a test may turn: the portal's switches and Discord's own time limits (on the fake's clock)."""

    enabled_intents: Intent = events.PRIVILEGED  # privileged intents switched on in the developer portal
    nonce_window: float = 180.0  # seconds; docs, Create Message: "in the past few minutes"
    acknowledge_within: float = 3.0  # seconds; docs, "Interactions: Receiving and Responding"
    token_lifetime: float = 900.0  # seconds; same page: tokens are valid for 15 minutes
    attachment_lifetime: float = 86_400.0  # seconds until a signed CDN link expires
    heartbeat_interval: float = 41.25  # seconds, sent with HELLO
    shards: int = 1  # recommended by Get Gateway Bot; from 2 on a bot that identifies without one is refused
    session_starts: int = 1000  # left, as Get Gateway Bot tells
    session_reset: float = 86_400.0  # seconds until there are all of them again


@dataclass(frozen=True)
class Upload:
    """A file on its way in."""

    filename: str
    data: bytes
    content_type: str = "application/octet-stream"
    description: str | None = None


class World:
    def __init__(self, clock: Clock, settings: Settings, bot_name: str) -> None:
        self.clock = clock
        self.settings = settings
        self.ids = Snowflakes(clock)
        self.token = f"fake.{secrets.token_hex(8)}"
        self.cdn_url = ""
        self.fetched: list[str] = []  # addresses in the bot's messages that Discord would make a preview of
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.attachments: dict[int, Attachment] = {}
        self.interactions: dict[str, Interaction] = {}  # by token
        self.commands: dict[int, list[Json]] = {}  # by guild; 0 holds the global ones
        self.nonces: dict[tuple[int, str], Message] = {}
        self.bot = self.add_user(bot_name, bot=True)
        self.application_id = self.bot.id  # docs: equal for every application made since 2016
        self._listeners: list[Callable[[Event], None]] = []

    def listen(self, listener: Callable[[Event], None]) -> None:
        self._listeners.append(listener)

    def publish(self, event: Event) -> None:
        for listener in self._listeners:
            listener(event)

    def add_user(self, name: str, *, bot: bool = False) -> User:
        user = User(self.ids.next(), name, bot=bot)
        self.users[user.id] = user
        return user

    def user(self, user_id: int) -> User:
        if user_id not in self.users:
            raise errors.unknown_user()
        return self.users[user_id]

    def guild(self, guild_id: int) -> Guild:
        """A guild the bot is in; of any other the API knows nothing."""
        guild = self.guilds.get(guild_id)
        if guild is None or self.bot.id not in guild.members:
            raise errors.unknown_guild()
        return guild

    def member(self, guild: Guild, user_id: int) -> Member:
        if user_id not in guild.members:
            raise errors.unknown_member()
        return guild.members[user_id]

    def channel(self, channel_id: int) -> Channel:
        if channel_id not in self.channels:
            raise errors.unknown_channel()
        return self.channels[channel_id]

    def message(self, channel: Channel, message_id: int, viewer: User) -> Message:
        message = channel.messages.get(message_id)
        if message is None or not visible(message, viewer):
            raise errors.unknown_message()
        return message

    def dm(self, user: User) -> Channel:
        for channel in self.channels.values():
            if channel.type is ChannelType.DM and user in channel.recipients:
                return channel
        channel = Channel(self.ids.next(), ChannelType.DM, recipients=[self.bot, user])
        self.channels[channel.id] = channel
        return channel

    def threads(self, place: Guild | Channel) -> list[Channel]:
        """The threads of a guild or of one channel, newest first."""
        found = [c for c in self.channels.values() if c.is_thread and place in (c.guild, c.parent)]
        return sorted(found, key=lambda thread: thread.id, reverse=True)

    def store(self, channel: Channel, upload: Upload) -> Attachment:
        """Keeps a file under a signed link that expires (docs, "Reference: CDN")."""
        file_id = self.ids.next()
        expires = self.clock.ms // 1000 + int(self.settings.attachment_lifetime)
        url = f"{self.cdn_url}/attachments/{channel.id}/{file_id}/{upload.filename}?ex={expires:x}"
        item = Attachment(file_id, upload.filename, upload.data, upload.content_type, url, upload.description)
        self.attachments[file_id] = item
        return item

    def rest_message(self, message: Message) -> Json:
        """Docs, "Message Content Intent": the portal's switch also governs what REST returns."""
        data = payloads.message(message, self.bot)
        enabled = self.settings.enabled_intents & Intent.MESSAGE_CONTENT
        if enabled or events.exempt_from_content_intent(message, self.bot):
            return data
        return events.without_content(data)

    def guild_create(self, guild: Guild, *, all_members: bool = False) -> Json:
        """Docs, "Guild Create": all channels, but only active threads that the bot may see; other members
        only for sessions with GUILD_PRESENCES."""
        members = guild.members.values() if all_members else [guild.members[self.bot.id]]
        active = [t for t in self.threads(guild) if not t.archived and self.bot_sees(t)]
        return {
            **payloads.guild(guild),
            "joined_at": payloads.member(guild.members[self.bot.id])["joined_at"],
            "large": False,
            "unavailable": False,
            "member_count": len(guild.members),
            "members": [payloads.member(member) for member in members],
            "channels": [
                payloads.channel(c) for c in self.channels.values() if c.guild is guild and not c.is_thread
            ],
            "threads": [payloads.channel(thread, self.bot) for thread in active],
            "voice_states": [],
            "presences": [],
            "stage_instances": [],
            "guild_scheduled_events": [],
            "soundboard_sounds": [],
        }

    def bot_sees(self, channel: Channel) -> bool:
        return bool(permissions.in_channel(channel, self.bot) & permissions.Permission.VIEW_CHANNEL)


def visible(message: Message, viewer: User) -> bool:
    """The app itself reads its ephemeral messages through the interaction's webhook only."""
    return message.visible_to is None or message.visible_to is viewer

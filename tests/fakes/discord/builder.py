"""Setting up the world: users, guilds, channels, roles, permissions. Connected bots hear of every change."""

from collections.abc import Mapping, Sequence

from tests.fakes.discord import limits, payloads, permissions, threads
from tests.fakes.discord.clock import snowflake_ms
from tests.fakes.discord.events import Event, Intent
from tests.fakes.discord.model import (
    Channel,
    ChannelType,
    Guild,
    Member,
    Overwrite,
    OverwriteKind,
    Role,
    User,
)
from tests.fakes.discord.permissions import NONE, Permission
from tests.fakes.discord.state import World


class Builder:
    def __init__(self, world: World) -> None:
        self.world = world

    def add_user(self, name: str, *guilds: Guild, bot: bool = False) -> User:
        """A person (or another bot), a member of `guilds`."""
        user = self.world.add_user(name, bot=bot)
        for guild in guilds:
            self.add_member(guild, user)
        return user

    def add_guild(self, name: str = "Guild", *, owner: User | None = None, with_bot: bool = True) -> Guild:
        """A guild whose @everyone may do what is usual; the bot joins it unless told otherwise."""
        owner = owner or self.world.add_user("owner")
        guild = Guild(self.world.ids.next(), name, owner, limits.UPLOAD)
        guild.roles[guild.id] = Role(guild.id, "@everyone", permissions.EVERYONE, 0)
        self.world.guilds[guild.id] = guild
        guild.members[owner.id] = self._member(owner)
        if with_bot:
            guild.members[self.world.bot.id] = self._member(self.world.bot)
            self.world.publish(Event("GUILD_CREATE", self.world.guild_create(guild), Intent.GUILDS))
        return guild

    def let_in(self, guild: Guild) -> None:
        """Somebody invites the bot: to it that is a guild it never heard of (docs, "Guild Create")."""
        guild.members[self.world.bot.id] = self._member(self.world.bot)
        self.world.publish(Event("GUILD_CREATE", self.world.guild_create(guild), Intent.GUILDS))

    def add_member(self, guild: Guild, user: User, *roles: Role) -> Member:
        member = guild.members[user.id] = self._member(user)
        member.role_ids = [role.id for role in roles]
        data = {**payloads.member(member), "guild_id": str(guild.id)}
        self.world.publish(Event("GUILD_MEMBER_ADD", data, Intent.GUILD_MEMBERS))
        return member

    def remove_member(self, guild: Guild, user: User) -> None:
        """A person leaves; of its own removal the bot hears as GUILD_DELETE."""
        del guild.members[user.id]
        if user is self.world.bot:
            self.world.publish(Event("GUILD_DELETE", {"id": str(guild.id)}, Intent.GUILDS))
            return
        data = {"guild_id": str(guild.id), "user": payloads.user(user)}
        self.world.publish(Event("GUILD_MEMBER_REMOVE", data, Intent.GUILD_MEMBERS))

    def add_role(self, guild: Guild, name: str, allow: Permission = NONE, *members: User) -> Role:
        role = Role(self.world.ids.next(), name, allow, len(guild.roles))
        guild.roles[role.id] = role
        data = {"guild_id": str(guild.id), "role": payloads.role(role)}
        self.world.publish(Event("GUILD_ROLE_CREATE", data, Intent.GUILDS))
        for user in members:
            self.set_roles(guild, user, [*self.roles_of(guild, user), role])
        return role

    def roles_of(self, guild: Guild, user: User) -> list[Role]:
        return [guild.roles[role_id] for role_id in guild.members[user.id].role_ids]

    def set_roles(self, guild: Guild, user: User, roles: Sequence[Role]) -> None:
        """Docs, "Guild Member Update": about others only with GUILD_MEMBERS, about the bot itself always."""
        member = guild.members[user.id]
        member.role_ids = [role.id for role in roles]
        data = {**payloads.member(member), "guild_id": str(guild.id)}
        intent = Intent.GUILDS if user is self.world.bot else Intent.GUILD_MEMBERS
        self.world.publish(Event("GUILD_MEMBER_UPDATE", data, intent))

    def set_role_permissions(self, guild: Guild, role: Role, allow: Permission) -> None:
        role.permissions = allow
        data = {"guild_id": str(guild.id), "role": payloads.role(role)}
        self.world.publish(Event("GUILD_ROLE_UPDATE", data, Intent.GUILDS))

    def set_overwrite(
        self, channel: Channel, target: User | Role, *, allow: Permission = NONE, deny: Permission = NONE
    ) -> None:
        kind = OverwriteKind.MEMBER if isinstance(target, User) else OverwriteKind.ROLE
        channel.overwrites[target.id] = Overwrite(target.id, kind, allow, deny)
        self.world.publish(Event("CHANNEL_UPDATE", payloads.channel(channel), Intent.GUILDS))

    def everyone(self, guild: Guild) -> Role:
        return guild.roles[guild.id]

    def add_text_channel(
        self, guild: Guild, name: str = "general", *, private_to: Sequence[User | Role] | None = None
    ) -> Channel:
        """`private_to`: hidden from @everyone and open to these only (the bot has to be named, too)."""
        channel = self._channel(guild, ChannelType.TEXT, name)
        if private_to is not None:
            channel.overwrites[guild.id] = Overwrite(
                guild.id, OverwriteKind.ROLE, deny=Permission.VIEW_CHANNEL
            )
            for target in private_to:
                kind = OverwriteKind.MEMBER if isinstance(target, User) else OverwriteKind.ROLE
                channel.overwrites[target.id] = Overwrite(target.id, kind, Permission.VIEW_CHANNEL)
        self.world.publish(Event("CHANNEL_CREATE", payloads.channel(channel), Intent.GUILDS))
        return channel

    def add_forum(self, guild: Guild, name: str = "forum", *, tags: Sequence[str] = ()) -> Channel:
        forum = self._channel(guild, ChannelType.FORUM, name)
        forum.tags = [
            {
                "id": str(self.world.ids.next()),
                "name": tag,
                "moderated": False,
                "emoji_id": None,
                "emoji_name": None,
            }
            for tag in tags
        ]
        self.world.publish(Event("CHANNEL_CREATE", payloads.channel(forum), Intent.GUILDS))
        return forum

    def rename(self, channel: Channel, name: str) -> None:
        channel.name = name
        self.world.publish(Event("CHANNEL_UPDATE", payloads.channel(channel), Intent.GUILDS))

    def set_tags(self, forum: Channel, *, named: Mapping[str, str] | None = None, required: bool) -> None:
        """`named`: what tags are called from now on, by what they are called ("Forum tag object", `REQUIRE_TAG`)."""
        for tag in forum.tags:
            tag["name"] = (named or {}).get(tag["name"], tag["name"])
        forum.requires_tag = required
        self.world.publish(Event("CHANNEL_UPDATE", payloads.channel(forum), Intent.GUILDS))

    def add_thread(
        self, parent: Channel, owner: User, name: str = "thread", *, private: bool = False
    ) -> Channel:
        """A thread without a starter message."""
        kind = ChannelType.PRIVATE_THREAD if private else ChannelType.PUBLIC_THREAD
        return threads.without_message(self.world, owner, parent, {"name": name, "type": kind})

    def open_dm(self, user: User) -> Channel:
        """The DM of a person with the bot; Discord sends no event for it (docs, "Channel Create")."""
        return self.world.dm(user)

    def _member(self, user: User) -> Member:
        return Member(user, snowflake_ms(self.world.ids.next()))

    def _channel(self, guild: Guild, kind: ChannelType, name: str) -> Channel:
        position = sum(channel.guild is guild for channel in self.world.channels.values())
        channel = Channel(self.world.ids.next(), kind, name, guild, position=position)
        self.world.channels[channel.id] = channel
        return channel

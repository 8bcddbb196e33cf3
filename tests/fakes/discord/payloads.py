"""The JSON that goes over the wire, per object (Discord docs, "Resources"; what discord.py needs)."""

from tests.fakes.discord import permissions
from tests.fakes.discord.clock import iso, snowflake_ms
from tests.fakes.discord.model import (
    Attachment,
    Channel,
    ChannelType,
    Guild,
    Interaction,
    InteractionType,
    Json,
    Member,
    Message,
    Role,
    User,
)
from tests.fakes.discord.optional import spared


def user(who: User) -> Json:
    data: Json = {
        "id": str(who.id),
        "username": who.name,
        "discriminator": "0",
        "global_name": None if who.bot else who.name.title(),
        "avatar": None,
        "bot": who.bot,
        "system": False,
        "public_flags": 0,
    }
    return spared("user", data)


def own_user(bot: User) -> Json:
    more = {"verified": True, "mfa_enabled": True, "locale": "en-US", "email": None, "flags": 0}
    return {**user(bot), **spared("user", more)}


def role(item: Role) -> Json:
    return {
        "id": str(item.id),
        "name": item.name,
        "permissions": _bits(item.permissions),
        "position": item.position,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "managed": False,
        "mentionable": True,
        "flags": 0,
    }


def member(item: Member, *, with_user: bool = True) -> Json:
    whole: Json = {
        "nick": item.nick,
        "avatar": None,
        "roles": [str(role_id) for role_id in item.role_ids],
        "joined_at": iso(item.joined_ms),
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "pending": False,
        "flags": 0,
        "communication_disabled_until": None,
    }
    data = spared("member", whole)
    return {**data, "user": user(item.user)} if with_user else data


def channel(item: Channel, viewer: User | None = None) -> Json:
    """A channel of any type. `viewer`: a thread names that person's own membership, as Discord does."""
    if item.is_thread:
        return spared("thread", _thread(item, viewer))
    return spared("channel", _place(item, viewer))


def _place(item: Channel, viewer: User | None) -> Json:
    last = None if item.last_message_id is None else str(item.last_message_id)
    data: Json = {"id": str(item.id), "type": int(item.type), "flags": 0, "last_message_id": last}
    if item.guild is None:
        return {**data, "recipients": [user(one) for one in item.recipients if one is not viewer]}
    data |= {
        "guild_id": str(item.guild.id),
        "name": item.name,
        "topic": item.topic,
        "position": item.position,
        "parent_id": None if item.parent is None else str(item.parent.id),
        "nsfw": False,
        "rate_limit_per_user": 0,
        "permission_overwrites": [
            {
                "id": str(o.target_id),
                "type": int(o.kind),
                "allow": _bits(o.allow),
                "deny": _bits(o.deny),
            }
            for o in item.overwrites.values()
        ],
    }
    if item.type is ChannelType.FORUM:
        data |= {
            "available_tags": item.tags,
            "flags": 1 << 4 if item.requires_tag else 0,
            "default_reaction_emoji": None,
            "default_sort_order": None,
            "default_forum_layout": 0,
        }
    return data


def _bits(held: int) -> str:
    return str(int(held))


def thread_member(thread: Channel, user_id: int) -> Json:
    joined = iso(thread.thread_members[user_id])
    return {"id": str(thread.id), "user_id": str(user_id), "join_timestamp": joined, "flags": 0}


def _thread(item: Channel, viewer: User | None) -> Json:
    assert item.guild is not None
    assert item.parent is not None
    assert item.owner is not None
    data: Json = {
        "id": str(item.id),
        "type": int(item.type),
        "guild_id": str(item.guild.id),
        "parent_id": str(item.parent.id),
        "owner_id": str(item.owner.id),
        "name": item.name,
        "last_message_id": None if item.last_message_id is None else str(item.last_message_id),
        "rate_limit_per_user": 0,
        "message_count": item.total_messages,
        "total_message_sent": item.total_messages,
        "member_count": min(len(item.thread_members), 50),
        "flags": 0,
        "applied_tags": [str(tag) for tag in item.applied_tags],
        "thread_metadata": spared("thread_metadata", _thread_metadata(item)),
    }
    if viewer is not None and viewer.id in item.thread_members:
        data["member"] = spared("thread_member", thread_member(item, viewer.id))
    return data


def _thread_metadata(item: Channel) -> Json:
    return {
        "archived": item.archived,
        "locked": item.locked,
        "invitable": item.invitable,
        "auto_archive_duration": item.auto_archive_minutes,
        "archive_timestamp": iso(item.archive_ms),
        "create_timestamp": iso(snowflake_ms(item.id)),
    }


def attachment(item: Attachment) -> Json:
    data: Json = {
        "id": str(item.id),
        "filename": item.filename,
        "size": len(item.data),
        "url": item.url,
        "proxy_url": item.url,
        "content_type": item.content_type,
    }
    return spared(
        "attachment", data if item.description is None else {**data, "description": item.description}
    )


def emoji(text: str) -> Json:
    name, _, emoji_id = text.partition(":")
    return spared("emoji", {"id": emoji_id or None, "name": name, "animated": False})


def message(item: Message, viewer: User, *, quoted: bool = False) -> Json:
    """A message as REST returns it to `viewer`; the gateway's extra fields come from `gateway_message`.

    The nonce is not here: it is part of the answer to the post and of MESSAGE_CREATE, and history does not
    show it (Discord docs name it only as "used for validating a message was sent").
    """
    data: Json = {
        "id": str(item.id),
        "channel_id": str(item.channel.id),
        "author": user(item.author),
        "content": item.content,
        "timestamp": iso(snowflake_ms(item.id)),
        "edited_timestamp": None if item.edited_ms is None else iso(item.edited_ms),
        "tts": False,
        "mention_everyone": item.mention_everyone,
        "mentions": [user(one) for one in item.mentions],
        "mention_roles": [str(role_id) for role_id in item.mention_role_ids],
        "attachments": [attachment(one) for one in item.attachments],
        "embeds": [spared("embed", one) for one in item.embeds],
        "components": item.components,
        "pinned": False,
        "type": int(item.type),
        "flags": int(item.flags),
    }
    if item.reactions:
        data["reactions"] = [
            {
                "emoji": emoji(reaction.emoji),
                "count": len(reaction.user_ids),
                "count_details": {"burst": 0, "normal": len(reaction.user_ids)},
                "me": viewer.id in reaction.user_ids,
                "me_burst": False,
                "burst_colors": [],
            }
            for reaction in item.reactions.values()
        ]
    if item.webhook_id is not None:
        data |= {"webhook_id": str(item.webhook_id), "application_id": str(item.webhook_id)}
    if item.interaction is not None:
        data["interaction_metadata"] = _interaction_metadata(item.interaction)
    if item.thread is not None:
        data["thread"] = channel(item.thread, viewer)
    if item.announces is not None:
        data["message_reference"] = _reference(item.announces)
    if item.replies_to is not None:
        source = item.replies_to
        data["message_reference"] = {**_reference(source.channel), "message_id": str(source.id)}
        if not quoted:
            data["referenced_message"] = None if source.deleted else message(source, viewer, quoted=True)
    return spared("message", data) | item.more


def _reference(place: Channel) -> Json:
    data: Json = {"type": 0, "channel_id": str(place.id)}
    return spared("reference", data if place.guild is None else {**data, "guild_id": str(place.guild.id)})


def gateway_message(item: Message, viewer: User) -> Json:
    """Docs, "Events: Message Create": the guild and the author's membership come along."""
    data = {**message(item, viewer), "channel_type": int(item.channel.type)}
    if item.nonce is not None:
        data["nonce"] = item.nonce
    place = item.channel.guild
    if place is None:
        return spared("gateway_message", data) | item.more
    data["guild_id"] = str(place.id)
    if item.author.id in place.members and item.webhook_id is None:
        data["member"] = member(place.members[item.author.id], with_user=False)
    data["mentions"] = [
        {**user(one), "member": member(place.members[one.id], with_user=False)}
        if one.id in place.members
        else user(one)
        for one in item.mentions
    ]
    return spared("gateway_message", data) | item.more


def guild(item: Guild) -> Json:
    """The guild alone, as `GET /guilds/{id}` has it."""
    return {
        "id": str(item.id),
        "name": item.name,
        "icon": None,
        "splash": None,
        "discovery_splash": None,
        "owner_id": str(item.owner.id),
        "afk_channel_id": None,
        "afk_timeout": 300,
        "verification_level": 0,
        "default_message_notifications": 0,
        "explicit_content_filter": 0,
        "roles": [role(one) for one in item.roles.values()],
        "emojis": [],
        "stickers": [],
        "features": [],
        "mfa_level": 0,
        "application_id": None,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "vanity_url_code": None,
        "description": None,
        "banner": None,
        "premium_tier": 0,
        "preferred_locale": "en-US",
        "public_updates_channel_id": None,
        "nsfw_level": 0,
        "premium_progress_bar_enabled": False,
    }


def interaction(item: Interaction, application_id: int, bot: User) -> Json:
    """INTERACTION_CREATE (Discord docs, "Interactions: Receiving and Responding", Interaction Structure)."""
    place = item.channel.guild
    seen = channel(item.channel, item.user)
    seen["permissions"] = _bits(permissions.in_channel(item.channel, item.user))
    data: Json = {
        "id": str(item.id),
        "application_id": str(application_id),
        "type": int(item.type),
        "token": item.token,
        "version": 1,
        "data": item.data,
        "channel_id": str(item.channel.id),
        "channel": seen,
        "app_permissions": _bits(permissions.in_channel(item.channel, bot)),
        "locale": item.user.locale,
        "entitlements": [],
        "entitlement_sku_ids": [],
        "authorizing_integration_owners": {"0": "0" if place is None else str(place.id)},
        "context": 1 if place is None else 0,
        "attachment_size_limit": 10 * 1024 * 1024 if place is None else place.upload_limit,
    }
    if item.message is not None:
        data["message"] = message(item.message, bot)
    data = spared("interaction", data)
    if place is None:
        return {**data, "user": user(item.user)}
    bits = {"permissions": _bits(permissions.in_channel(item.channel, item.user))}
    about = {"guild": {"id": str(place.id), "locale": "en-US", "features": []}, "guild_locale": "en-US"}
    return {
        **data,
        **spared("interaction", about),
        "guild_id": str(place.id),
        "member": {**member(place.members[item.user.id]), **bits},
    }


def _interaction_metadata(item: Interaction) -> Json:
    """Docs, "Resources: Message", Message Interaction Metadata Structure."""
    data: Json = {
        "id": str(item.id),
        "type": int(item.type),
        "user": user(item.user),
        "authorizing_integration_owners": {},
    }
    if item.type is InteractionType.COMPONENT and item.message is not None:
        data["interacted_message_id"] = str(item.message.id)
    if item.type is InteractionType.MODAL_SUBMIT:
        opener = {**data, "type": int(InteractionType.COMMAND)}
        data["triggering_interaction_metadata"] = opener
    return data

"""Interactions: from a person's act to the app's answers.

Source: Discord docs, "Interactions: Receiving and Responding".
"""

import secrets
from collections.abc import Sequence

from tests.fakes.discord import errors, limits, messages, payloads
from tests.fakes.discord.events import Event
from tests.fakes.discord.messages import Answer
from tests.fakes.discord.model import (
    CallbackType,
    Channel,
    Interaction,
    InteractionType,
    Json,
    Message,
    MessageFlag,
    MessageType,
    User,
)
from tests.fakes.discord.state import Upload, World


def begin(
    world: World,
    kind: InteractionType,
    user: User,
    channel: Channel,
    data: Json,
    message: Message | None = None,
) -> Interaction:
    """Dispatches INTERACTION_CREATE; it needs no intent."""
    token = secrets.token_urlsafe(24)
    made = Interaction(world.ids.next(), token, kind, user, channel, data, world.clock.ms, message)
    world.interactions[token] = made
    data = payloads.interaction(made, world.application_id, world.bot)
    world.publish(Event("INTERACTION_CREATE", data))
    return made


def acknowledge(
    world: World, interaction_id: int, token: str, body: Json, files: Sequence[Upload]
) -> Interaction:
    """The one answer an interaction takes: after 3 s it is unknown (10062), a second one is 40060."""
    item = world.interactions.get(token)
    if item is None or item.id != interaction_id:
        raise errors.unknown_interaction()
    if item.acknowledged:
        raise errors.already_acknowledged()
    if world.clock.ms - item.created_ms > world.settings.acknowledge_within * 1000:
        raise errors.unknown_interaction()
    kind = CallbackType(body["type"])
    data = body.get("data") or {}
    if kind is CallbackType.MODAL:
        if item.type is InteractionType.MODAL_SUBMIT:
            raise errors.wrong_channel_type()
        limits.check_modal(data)
        item.modal = data
    elif kind is CallbackType.AUTOCOMPLETE_RESULT:
        item.choices = data.get("choices") or []
    elif kind is CallbackType.DEFERRED_UPDATE:
        item.original = item.message
    elif kind is CallbackType.UPDATE_MESSAGE:
        if item.message is not None:
            item.original = messages.edit(world, item.message, data, files, path=("data",))
    else:
        item.original = _first_answer(world, item, kind, data, files)
    item.answer = kind
    return item


def follow_up(world: World, item: Interaction, body: Json, files: Sequence[Upload]) -> Message:
    """Docs, "Create Followup Message": the first one after a deferral fills the waiting message instead."""
    original = item.original
    waiting = original is not None and original.loading and not original.deleted
    if item.answer is CallbackType.DEFERRED_MESSAGE and original is not None and waiting:
        return messages.edit(world, original, body, files)
    limits.check_not_empty(body, file_count=len(files))
    flags = int(body.get("flags") or 0) & MessageFlag.EPHEMERAL
    message = messages.create_answer(world, Answer(item, MessageType.REPLY, flags), body, files)
    message.replies_to = original
    item.followups.append(message)
    return message


def by_token(world: World, application_id: int, token: str) -> Interaction:
    """What the webhook of an interaction stands for; its token dies 15 minutes after the act."""
    item = world.interactions.get(token)
    if application_id != world.application_id or item is None or not item.acknowledged:
        raise errors.unknown_webhook()
    if world.clock.ms - item.created_ms > world.settings.token_lifetime * 1000:
        raise errors.invalid_webhook_token()
    return item


def answer_message(item: Interaction, message_id: str) -> Message:
    """One of the interaction's own messages, by id or as `@original`."""
    if message_id == "@original":
        found = item.original
    else:
        own = [*item.followups, *([] if item.original is None else [item.original])]
        found = next((message for message in own if str(message.id) == message_id), None)
    if found is None or found.deleted:
        raise errors.unknown_message()
    return found


def callback_payload(world: World, item: Interaction) -> Json:
    """Docs, "Interaction Callback Response Object"; discord.py always asks for it (FACTS)."""
    assert item.answer is not None
    interaction: Json = {"id": str(item.id), "type": int(item.type)}
    resource: Json = {"type": int(item.answer)}
    if item.original is not None:
        interaction |= {
            "response_message_id": str(item.original.id),
            "response_message_loading": item.original.loading,
            "response_message_ephemeral": item.original.ephemeral,
        }
    makes_message = (CallbackType.MESSAGE, CallbackType.DEFERRED_MESSAGE, CallbackType.UPDATE_MESSAGE)
    if item.original is not None and item.answer in makes_message:
        resource["message"] = payloads.message(item.original, world.bot)
    return {"interaction": interaction, "resource": resource}


def _first_answer(
    world: World, item: Interaction, kind: CallbackType, data: Json, files: Sequence[Upload]
) -> Message:
    """A message, or the "is thinking" message of a deferral, which is a message with the LOADING flag."""
    flags = int(data.get("flags") or 0) & MessageFlag.EPHEMERAL
    deferred = kind is CallbackType.DEFERRED_MESSAGE
    if deferred:
        flags |= MessageFlag.LOADING
    else:
        limits.check_not_empty(data, file_count=len(files))
    if item.type is not InteractionType.COMMAND:
        shape = MessageType.REPLY if item.type is InteractionType.COMPONENT else MessageType.DEFAULT
    elif item.data.get("type", 1) == 1:
        shape = MessageType.CHAT_INPUT_COMMAND
    else:
        shape = MessageType.CONTEXT_MENU_COMMAND
    body = {"content": ""} if deferred else data
    return messages.create_answer(world, Answer(item, shape, flags), body, files, path=("data",))

"""REST: interaction callbacks and the webhook behind each interaction.

Source: Discord docs, "Interactions: Receiving and Responding". The token in the path is the authorisation.
"""

from tests.fakes.discord import interactions, messages, payloads
from tests.fakes.discord.journal import Call
from tests.fakes.discord.model import Interaction, Json
from tests.fakes.discord.rest import Route
from tests.fakes.discord.state import World


def acknowledge(world: World, call: Call) -> Json | None:
    item = interactions.acknowledge(world, call.id("interaction"), call.path["token"], call.json, call.files)
    wants_body = call.query.get("with_response") in ("1", "true")
    return interactions.callback_payload(world, item) if wants_body else None


def follow_up(world: World, call: Call) -> Json:
    message = interactions.follow_up(world, _interaction(world, call), call.json or {}, call.files)
    return payloads.message(message, world.bot)


def get_answer(world: World, call: Call) -> Json:
    message = interactions.answer_message(_interaction(world, call), call.path["message"])
    return payloads.message(message, world.bot)


def edit_answer(world: World, call: Call) -> Json:
    message = interactions.answer_message(_interaction(world, call), call.path["message"])
    return payloads.message(messages.edit(world, message, call.json or {}, call.files), world.bot)


def delete_answer(world: World, call: Call) -> None:
    messages.delete(world, interactions.answer_message(_interaction(world, call), call.path["message"]))


def _interaction(world: World, call: Call) -> Interaction:
    return interactions.by_token(world, call.id("application"), call.path["token"])


_WEBHOOK = "/webhooks/{application}/{token}"
ROUTES = [
    Route("POST", "/interactions/{interaction}/{token}/callback", acknowledge, open=True),
    Route("POST", _WEBHOOK, follow_up, open=True),
    Route("GET", _WEBHOOK + "/messages/{message}", get_answer, open=True),
    Route("PATCH", _WEBHOOK + "/messages/{message}", edit_answer, open=True),
    Route("DELETE", _WEBHOOK + "/messages/{message}", delete_answer, open=True),
]

"""What people do to the app's surfaces ("Handling user interaction"): buttons, menus, modals, commands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from . import wire
from .api import views
from .core import Core
from .delivery import Delivery
from .errors import ApiError
from .optional import spared
from .records import Channel, Ephemeral, Json, Message, User, View

Surface = Message | Ephemeral | View

# Element types and the member of a state value that holds what was chosen ("Block elements").
OPTION_ELEMENTS = {
    "static_select": "selected_option",
    "radio_buttons": "selected_option",
    "overflow": "selected_option",
}
OPTIONS_ELEMENTS = {"multi_static_select": "selected_options", "checkboxes": "selected_options"}
ID_ELEMENTS = {
    "users_select": "selected_user",
    "conversations_select": "selected_conversation",
    "channels_select": "selected_channel",
    "multi_users_select": "selected_users",
    "datepicker": "selected_date",
    "timepicker": "selected_time",
}


class NoSuchElementError(Exception):
    """The surface shows nothing of that action_id or value."""


class Gestures(Core):
    def click(
        self, user: User | str, surface: Surface, action_id: str | None = None, *, value: str | None = None
    ) -> Delivery:
        """A button, by action_id or value ("block_actions payload"); `.acknowledged()` waits for the app."""
        block, element = _find(surface.blocks, action_id, value)
        action = {"type": element["type"], "text": element.get("text"), "value": element.get("value")}
        return self._act(self.user_of(user), surface, block, element, action)

    def judge(self, user: User | str, surface: Surface, which: str) -> Delivery:
        """`which` is "positive" or "negative". The buttons toggle for the person and say nothing of it: pressed again, the
        same payload comes ("Feedback buttons element", bolt's `FeedbackButtonsAction`)."""
        found = ((b, e) for b, e in _elements(surface.blocks) if e.get("type") == "feedback_buttons")
        block, element = next(found, (None, None))
        if block is None or element is None:
            raise NoSuchElementError("feedback_buttons", which)
        button = element[f"{which}_button"]
        action = {"type": element["type"], "text": button["text"], "value": button["value"]}
        return self._act(self.user_of(user), surface, block, element, action)

    def select(self, user: User | str, surface: Surface, action_id: str, choice: str | list[str]) -> Delivery:
        """A choice in a menu: an option's value, or an id for the menus of people and channels."""
        block, element = _find(surface.blocks, action_id, None)
        return self._act(self.user_of(user), surface, block, element, _state(element, choice))

    def submit_view(
        self, user: User | str, view: View, values: Mapping[str, Mapping[str, Any]] | None = None
    ) -> Delivery:
        """`values[block_id][action_id]` is what was typed or chosen ("view_submission payload"); the rest stays as shown.

        The app's answer is carried out when it comes: errors keep the modal open, no answer closes it.
        """
        state: Json = {}
        for block in view.blocks:
            if block["type"] == "input":
                element = block["element"]
                named = (values or {}).get(block["block_id"], {})
                given = named.get(element.get("action_id", ""), _shown(element))
                state[block["block_id"]] = {element.get("action_id", ""): _state(element, given)}
        view.body["state"] = {"values": state}
        payload = self._envelope("view_submission", self.user_of(user)) | {
            "view": wire.view(self.workspace, view),
            "response_urls": [],
        }
        return self.courier.submit("interactive", payload, lambda answer: self._submitted(view, answer or {}))

    def close_view(self, user: User | str, view: View) -> Delivery | None:
        """The app hears of it only if the modal says `notify_on_close` ("view_closed payload")."""
        view.open = False
        self.changes.pulse()
        if not view.body.get("notify_on_close"):
            return None
        shown = {"view": wire.view(self.workspace, view), "is_cleared": False}
        return self.courier.submit("interactive", self._envelope("view_closed", self.user_of(user)) | shown)

    def choose(self, user: User | str, message: Message, callback_id: str) -> Delivery:
        """A message shortcut, in the menu of any message ("Shortcuts interaction payloads", `MessageShortcut`)."""
        person, place = self.user_of(user), self.workspace.channels[message.channel]
        payload = self._envelope("message_action", person) | {
            "callback_id": callback_id,
            "action_ts": self.workspace.clock.ts(),
            "message_ts": message.ts,
            "channel": {"id": place.id, "name": place.name},
            "message": spared("clicked", wire.message(self.workspace, message, self.origin)),
            "response_url": self.interactions.response_url(self.origin, place.id, person.id, None),
        }
        return self.courier.submit("interactive", payload)

    def slash(self, user: User | str, channel: Channel | str, command: str, text: str = "") -> Delivery:
        """Never in a thread (FACTS). What acknowledges it may carry a message ("Slash commands")."""
        person, place = self.user_of(user), self.channel_of(channel)
        payload: Json = {
            "token": "verification-token",
            "team_id": self.team_id,
            "team_domain": self.workspace.domain,
            "channel_id": place.id,
            "channel_name": place.name,
            "user_id": person.id,
            "user_name": person.name,
            "command": command,
            "text": text,
            "api_app_id": self.app_id,
            "is_enterprise_install": "true" if self.workspace.organisation else "false",
            **({"enterprise_id": self.workspace.organisation} if self.workspace.organisation else {}),
            "response_url": self.interactions.response_url(self.origin, place.id, person.id, None),
            "trigger_id": self.interactions.trigger(person.id),
        }

        def answered(answer: Json | None) -> None:
            self.interactions.answer(place.id, person.id, answer or {})

        return self.courier.submit("slash_commands", spared("command", payload), answered)

    def _envelope(self, kind: str, user: User) -> Json:
        person = {"id": user.id, "username": user.name, "name": user.name, "team_id": user.team_id}
        whole: Json = {
            "type": kind,
            "user": spared("person", person),
            "api_app_id": self.app_id,
            "token": "verification-token",
            "trigger_id": self.interactions.trigger(user.id),
            "team": {"id": self.team_id, "domain": self.workspace.domain},
            "enterprise": {"id": self.workspace.organisation} if self.workspace.organisation else None,
            "is_enterprise_install": bool(self.workspace.organisation),
        }
        return spared("interaction", whole)

    def _act(self, user: User, surface: Surface, block: Json, element: Json, action: Json) -> Delivery:
        action = {name: value for name, value in action.items() if value is not None} | {
            "action_id": element.get("action_id", ""),
            "block_id": block["block_id"],
            "action_ts": self.workspace.clock.ts(),
        }
        payload = self._envelope("block_actions", user) | self._container(user, surface)
        payload["actions"] = [action]
        return self.courier.submit("interactive", payload)

    def _container(self, user: User, surface: Surface) -> Json:
        """Where it happened. An ephemeral message has no body here, and a view no response_url."""
        if isinstance(surface, View):
            shown = wire.view(self.workspace, surface)
            return {
                "container": {"type": "view", "view_id": surface.id},
                "view": shown,
                "state": shown["state"],
            }
        place = self.workspace.channels[surface.channel]
        ephemeral = isinstance(surface, Ephemeral)
        container: Json = {
            "type": "message",
            "message_ts": surface.ts,
            "channel_id": place.id,
            "is_ephemeral": ephemeral,
        }
        if surface.thread_ts is not None:
            container["thread_ts"] = surface.thread_ts
        parts: Json = {
            "container": spared("container", container),
            "channel": {"id": place.id, "name": place.name},
            "state": {"values": {}},
            "response_url": self.interactions.response_url(self.origin, place.id, user.id, surface),
        }
        if isinstance(surface, Message):
            parts["message"] = spared("clicked", wire.message(self.workspace, surface, self.origin))
        return spared("interaction", parts)

    def _submitted(self, view: View, answer: Json) -> None:
        """What it was acknowledged with ("Modals": response_action); a refused view changes nothing."""
        try:
            self._follow(view, answer)
        except ApiError as refusal:
            view.body["errors"] = {"view": refusal.error}

    def _follow(self, view: View, answer: Json) -> None:
        action = answer.get("response_action")
        if action == "errors":
            view.body["errors"] = answer.get("errors", {})
        elif action == "update":
            views.replace(view, views.check_body(self, answer["view"], replaced=view))
        elif action == "push":
            views.show(self, view.user, views.check_body(self, answer["view"]))
        elif action == "clear":
            for each in views.stack(self, view.user):
                each.open = False
        else:
            view.open = False


def _elements(blocks: list[Json]) -> Iterator[tuple[Json, Json]]:
    for block in blocks:
        for element in [*block.get("elements", []), block.get("accessory"), block.get("element")]:
            if isinstance(element, dict):
                yield block, element


def _find(blocks: list[Json], action_id: str | None, value: str | None) -> tuple[Json, Json]:
    for block, element in _elements(blocks):
        if action_id in (None, element.get("action_id")) and value in (None, element.get("value")):
            return block, element
    raise NoSuchElementError(action_id, value)


def _state(element: Json, given: Any) -> Json:
    """An element's value in `view.state` and in an action ("Block elements")."""
    kind = element["type"]
    if kind in OPTION_ELEMENTS:
        return {"type": kind, OPTION_ELEMENTS[kind]: None if given is None else _option(element, given)}
    if kind in OPTIONS_ELEMENTS:
        return {"type": kind, OPTIONS_ELEMENTS[kind]: [_option(element, each) for each in given or []]}
    return {"type": kind, ID_ELEMENTS.get(kind, "value"): given}


def _shown(element: Json) -> Any:
    """What an element is with nobody's hand on it ("Block elements": initial_…)."""
    if "initial_option" in element:
        return element["initial_option"]["value"]
    if "initial_options" in element:
        return [option["value"] for option in element["initial_options"]]
    return next(
        (element[name] for name in ("initial_users", "initial_user", "initial_value") if name in element),
        None,
    )


def _option(element: Json, value: str) -> Json:
    for option in element.get("options", []):
        if option["value"] == value:
            chosen: Json = option
            return chosen
    raise NoSuchElementError(element.get("action_id"), value)

"""views.*: modals and the App Home ("Modals", "App Home")."""

from __future__ import annotations

import secrets
from typing import Any

from .. import limits, wire
from ..core import Core
from ..errors import ApiError
from ..records import Json, View
from .registry import Args, method


def checked(core: Core, args: Args, replaced: View | None = None) -> Json:
    return check_body(core, args.structure("view"), replaced)


def check_body(core: Core, body: Any, replaced: View | None = None) -> Json:
    """A view as stored. An external_id is unique among the open ones, apart from the one it replaces."""
    if not isinstance(body, dict) or not isinstance(body.get("blocks"), list):
        raise ApiError("invalid_arguments")
    limits.view(core.limits, body)
    external = body.get("external_id")
    namesakes = [v for v in core.workspace.views.values() if v.open and v.body.get("external_id") == external]
    if external and any(view is not replaced for view in namesakes):
        raise ApiError("duplicate_external_id")
    return {**body, "blocks": core.workspace.name_blocks(body["blocks"])}


def stack(core: Core, user: str) -> list[View]:
    """The modals a person has open, the visible one last."""
    return [view for view in core.workspace.views.values() if view.user == user and view.open]


def show(core: Core, user: str, body: Json) -> View:
    """Puts a modal on top of what the person has open."""
    below = stack(core, user)
    if len(below) >= core.limits.view_stack:
        raise ApiError("push_limit_reached")
    view_id = core.workspace.ids.mint("V")
    root, previous = (below[0].id, below[-1].id) if below else (view_id, None)
    view = View(view_id, user, body, secrets.token_hex(8), root, previous)
    core.workspace.views[view_id] = view
    return view


def replace(view: View, body: Json) -> None:
    """A changed view has a new hash ("views.update": avoiding race conditions)."""
    view.body, view.hash = body, secrets.token_hex(8)


def _answer(core: Core, view: View) -> Json:
    return {"view": wire.view(core.workspace, view)}


@method("views.open")
def open_view(core: Core, args: Args) -> Json:
    user = core.interactions.spend(args.required("trigger_id"))
    body = checked(core, args)
    for old in stack(core, user):
        old.open = False
    return _answer(core, show(core, user, body))


@method("views.push")
def push(core: Core, args: Args) -> Json:
    user = core.interactions.spend(args.required("trigger_id"))
    body = checked(core, args)
    if not stack(core, user):
        raise ApiError("invalid_trigger_id")
    return _answer(core, show(core, user, body))


@method("views.update")
def update(core: Core, args: Args) -> Json:
    external = args.text("external_id")
    view = core.workspace.views.get(args.text("view_id") or "")
    if external is not None:
        view = next(
            (v for v in core.workspace.views.values() if v.open and v.body.get("external_id") == external),
            None,
        )
    if view is None or not view.open:
        raise ApiError("not_found")
    if "hash" in args and args.text("hash") != view.hash:
        raise ApiError("hash_conflict")
    replace(view, checked(core, args, replaced=view))
    return _answer(core, view)


@method("views.publish")
def publish(core: Core, args: Args) -> Json:
    user = core.workspace.user(args.required("user_id"))
    body = checked(core, args)
    if body.get("type") != "home":
        raise ApiError("invalid_arguments")
    home = core.workspace.homes.get(user.id)
    if home is not None and "hash" in args and args.text("hash") != home.hash:
        raise ApiError("hash_conflict")
    if home is None:
        view_id = core.workspace.ids.mint("V")
        home = core.workspace.homes[user.id] = View(view_id, user.id, body, "", view_id)
    replace(home, body)
    return _answer(core, home)

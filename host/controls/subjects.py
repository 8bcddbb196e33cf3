"""Which channel each of the controls is about, by the registry alone; None where it needs no conversation's file.

Jobs on the connection, of the viewer and of what the call names first.
"""

from __future__ import annotations

from collections.abc import Mapping

from host.controls import why
from host.controls.carrying import Find
from host.intake import changed
from host.ports.controls import Judged
from host.ports.events import Viewer
from host.registry import judgements
from host.registry.port import Statements
from host.registry.sessions import address_of
from host.schedule import index
from sessiondb.records import Address


def viewers(_: Statements, viewer: Viewer, __: object) -> Address | None:
    return viewer.address if viewer.address.platform_id else None


def conversation(connection: Statements, _: Viewer, session_id: str) -> Address | None:
    return address_of(connection, session_id)


def task(connection: Statements, _: Viewer, task_id: str) -> Address | None:
    home = index.home(connection, task_id)
    return None if home is None else address_of(connection, home.session_id)


def answer(connection: Statements, viewer: Viewer, key: str) -> Address | None:
    """Where it stands; its buttons are seen before the ledger has it."""
    found = judgements.answer(connection, key)
    return found.address if found is not None else viewers(connection, viewer, None)


def judged(connection: Statements, viewer: Viewer, said: Judged) -> Address | None:
    return answer(connection, viewer, said.answer)


def request(connection: Statements, viewer: Viewer, named: str) -> Address | None:
    for kind in (changed.REQUEST, changed.UNSAID):
        if named.startswith(kind):
            return answer(connection, viewer, named.removeprefix(kind))
    return None


def message(connection: Statements, viewer: Viewer, named: str) -> Address | None:
    """Of one that the inbox has; the conversation asked from, for its last one."""
    if not named.strip():
        return viewers(connection, viewer, None)
    found = why.recorded(connection, named.strip())
    return address_of(connection, found[0].session_id) if len(found) == 1 else None


OF_CONTROLS: Mapping[str, Find] = {
    "order": task,
    "edit": task,
    "stop": conversation,
    "why": message,
    "judge": judged,
    "again": answer,
    "again_here": viewers,
    "hand_over": viewers,
    "decide": request,
}
OF_QUEUE: Mapping[str, Find] = {"retry": message, "put_by": message, "discard": conversation}

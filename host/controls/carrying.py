"""What people see and order about a conversation, done by the node that holds its channel (`registry.errands`).

A method that is `carried` names the place that it is about before it does anything; where another node holds that, the call goes
there as a whole, and what is answered comes back in the viewer's language.
"""

from __future__ import annotations

import functools
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeAlias, TypeVar, get_type_hints

from pydantic import TypeAdapter

from host.governance.languages import Languages
from host.mailbox.open import Records
from host.ports.controls import Forbidden, NotNow
from host.ports.events import Viewer
from host.registry.errands import Errands, Unclear
from host.registry.port import Statements
from host.words import as_it_is, say, told
from sessiondb import Unavailable
from sessiondb.records import Address

# Of the viewer and of what the call names first; None where it is about no conversation's file.
Find = Callable[[Statements, Viewer, Any], Address | None]
Method: TypeAlias = Callable[..., Awaitable[Any]]
Kind = TypeVar("Kind")

NOT_REACHED = say(
    "The machine that has this conversation does not answer, and nothing was done: try again in a minute."
)
UNCLEAR = say(
    "The machine that had this conversation is gone while it did this: look whether it was done before you order it again."
)


class Served(Protocol):
    """What carried methods are of."""

    @property
    def records(self) -> Records: ...


def carried(finds: Mapping[str, Find]) -> Callable[[type[Kind]], type[Kind]]:
    """A class whose methods of these names are carried: each of a viewer, and of arguments and an answer that JSON can have."""

    def decorated(made: type[Kind]) -> type[Kind]:
        for name, find in finds.items():
            setattr(made, name, _carrying(vars(made)[name], find, _kind(made, name)))
        return made

    return decorated


def _carrying(method: Method, find: Find, kind: str) -> Method:
    signature = inspect.signature(method)

    @functools.wraps(method)
    async def carry(self: Served, viewer: Viewer, *given: Any, **named: Any) -> Any:
        errands = self.records.errands
        if not errands.are_needed:
            return await method(self, viewer, *given, **named)
        arguments = dict(signature.bind(self, viewer, *given, **named).arguments)
        del arguments["self"]
        first = next((value for name, value in arguments.items() if name != "viewer"), None)
        place = await self.records.db.read(lambda connection: find(connection, viewer, first))
        if place is not None:
            answer = await _asked(errands, place, kind, _written(method, arguments))
            if answer is not None:
                return _read(method, answer)
        return await method(self, viewer, *given, **named)

    carry.carries = method  # type: ignore[attr-defined]
    return carry


def know(served: Served, languages: Languages, shown: Callable[[Any], Any]) -> None:
    """From here on this node does what others ask of `served`."""
    for name, bound in inspect.getmembers(served, inspect.ismethod):
        if (method := getattr(bound, "carries", None)) is not None:
            way = functools.partial(_do, bound, method, languages, shown)
            served.records.errands.ways[_kind(type(served), name)] = way


def _kind(made: type, name: str) -> str:
    return f"{made.__name__}.{name}"


async def _asked(errands: Errands, place: Address, kind: str, body: str) -> str | None:
    """Raises `Forbidden`."""
    try:
        return await errands.ask(place, kind, body)
    except Unclear as error:
        raise Forbidden(UNCLEAR) from error
    except Unavailable as error:
        raise NotNow(NOT_REACHED) from error


async def _do(
    bound: Callable[..., Awaitable[Any]],
    method: Callable[..., Awaitable[Any]],
    languages: Languages,
    shown: Callable[[Any], Any],
    body: str,
) -> str:
    hints, given = _hints(method), json.loads(body)
    arguments = {name: _adapter(hints[name]).validate_python(value) for name, value in given.items()}
    language = await languages.of_viewer(arguments["viewer"])
    try:
        done = shown(told(await bound(**arguments), language))
    except Forbidden as error:
        refused = shown(told(error.args[0], language))
        return json.dumps({"refused": refused, "now": isinstance(error, NotNow)})
    return json.dumps({"done": _adapter(hints["return"]).dump_python(done, mode="json")})


def _written(method: Callable[..., Any], arguments: dict[str, Any]) -> str:
    hints = _hints(method)
    return json.dumps(
        {name: _adapter(hints[name]).dump_python(value, mode="json") for name, value in arguments.items()}
    )


def _read(method: Callable[..., Any], answer: str) -> Any:
    found = json.loads(answer)
    if "refused" in found:
        raise (NotNow if found["now"] else Forbidden)(as_it_is(found["refused"]))
    return _adapter(_hints(method)["return"]).validate_python(found["done"])


@functools.cache
def _hints(method: Callable[..., Any]) -> dict[str, Any]:
    return get_type_hints(method)


@functools.cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)

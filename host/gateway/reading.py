"""A process that reads what sessions send: `python -m host.gateway.reading`, one body at a time, on its standard input.

Parsing takes time and memory by the will of whoever wrote the body. Here it takes neither from those who serve people: this
process has limits, is killed beyond them, and ends by itself after a large body, so that what it took is given back.
"""

from __future__ import annotations

import re
import socket
from dataclasses import asdict
from typing import Any

from host.gateway.permits import Asked, Permit, Refused
from host.ports import apart

MOST_MEMORY = 768 * 1024 * 1024  # bytes of address space
MOST_VALUES = 500_000  # of one body: each costs far more memory than its text
LARGE = 8 * 1024 * 1024  # bytes of a body after which a fresh process reads the next
_STRING = re.compile(rb'"(?:[^"\\]+|\\.)*"', re.DOTALL)


def too_large(message: str) -> Refused:
    """Made anew each time: an error that is kept keeps, by its traceback, the body it was raised for."""
    return Refused(413, "request_too_large", message)


def judged(permit: Permit, head: dict[str, Any], body: bytes | bytearray) -> Asked:
    """Raises `Refused`."""
    try:
        if values(body) > MOST_VALUES:
            raise too_large("the request has more values than are read")
        return permit.check(head["method"], head["path"], head["query"], head["headers"], body)
    except MemoryError:
        raise too_large("the request takes more memory to read than is given to it") from None


def values(body: bytes | bytearray) -> int:
    """How many values a JSON text holds, about: what stands between strings is short."""
    bare = _STRING.sub(b"", body)
    return bare.count(b",") + bare.count(b"[") + bare.count(b"{")


def permit_of(told: dict[str, Any]) -> Permit:
    models, betas, tools, keys = (frozenset(told[key]) for key in ("models", "betas", "tools", "keys"))
    return Permit(models, betas, tools, keys, lenient=bool(told["lenient"]))


def permit_told(permit: Permit) -> dict[str, Any]:
    return {
        key: sorted(value) if isinstance(value, frozenset) else value for key, value in asdict(permit).items()
    }


def asked_of(told: dict[str, Any], body: bytes) -> Asked:
    sets = {
        "betas": tuple(told["betas"]),
        "tools": tuple(told["tools"]),
        "optional": frozenset(told["optional"]),
    }
    return Asked(**{**told, **sets, "body": body})


def serve(line: socket.socket) -> None:
    while (found := apart.received(line)) is not None:
        told, body = found
        try:
            asked = asdict(judged(permit_of(told["permit"]), told, body))
        except Refused as refused:
            apart.answer(line, {"refused": [refused.status, refused.kind, refused.message]})
        else:
            canonical = asked.pop("body")
            asked["optional"] = sorted(asked["optional"])
            apart.answer(line, {"asked": asked}, canonical)
        if len(body) > LARGE:
            return


if __name__ == "__main__":
    serve(apart.confined(MOST_MEMORY))

"""A process that reads what sessions send: `python -m host.gateway.reading`, one body at a time, on its standard input.

Parsing takes time and memory by the will of whoever wrote the body. Here it takes neither from those who serve people: this
process has limits, is killed beyond them, and ends by itself after a large body, so that what it took is given back.
"""

from __future__ import annotations

import json
import os
import re
import resource
import socket
import struct
from dataclasses import asdict
from typing import Any

from host.gateway.permits import Asked, Permit, Refused

MOST_MEMORY = 768 * 1024 * 1024  # bytes of address space
MOST_VALUES = 500_000  # of one body: each costs far more memory than its text
NICENESS = 10  # those who serve people come first
LARGE = 8 * 1024 * 1024  # bytes of a body after which a fresh process reads the next
HEAD = struct.Struct(">IQ")  # lengths of the JSON in front, and of the body behind it
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


def encode(front: dict[str, Any], size: int) -> bytes:
    told = json.dumps(front).encode()
    return HEAD.pack(len(told), size) + told


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
    while (head := _received(line, HEAD.size)) is not None:
        front, size = HEAD.unpack(head)
        told = json.loads(_received(line, front) or b"{}")
        body = _received(line, size)
        if body is None:
            return
        try:
            asked = judged(permit_of(told["permit"]), told, body)
        except Refused as refused:
            line.sendall(encode({"refused": [refused.status, refused.kind, refused.message]}, 0))
        else:
            found = asdict(asked)
            canonical = found.pop("body")
            found["optional"] = sorted(found["optional"])
            line.sendall(encode({"asked": found}, len(canonical)))
            line.sendall(canonical)
        if size > LARGE:
            return


def _received(line: socket.socket, size: int) -> bytearray | None:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = line.recv_into(view)
        if not count:
            return None
        view = view[count:]
    return data


if __name__ == "__main__":
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    serve(socket.socket(fileno=0))

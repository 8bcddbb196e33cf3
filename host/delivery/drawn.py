"""A process that renders what is large: `python -m host.delivery.drawn`, one operation at a time, on its standard input.

Markdown of a hostile hand costs what it costs here, and not those who serve people: this process is limited and killed.
"""

from __future__ import annotations

import functools
import importlib
import json
import socket
import time
from collections.abc import Callable, Sequence
from typing import Any

from pydantic import TypeAdapter

from host.ports import apart
from host.words import told
from sessiondb import content

MOST_MEMORY = 512 * 1024 * 1024  # bytes of address space
MOST_PARTS = 200  # that come back; of the others only their number

Render = Callable[..., Sequence[dict[str, Any]]]


def serve(line: socket.socket) -> None:
    """A question without an operation only has the platform's code imported: that takes the time it takes."""
    while (found := apart.received(line)) is not None:
        front, body = found
        began = time.process_time()
        if not body:
            function(front["by"])
            apart.answer(line, {})
            continue
        operation = json.loads(body)
        shape: TypeAdapter[content.Outbound] = TypeAdapter(content.OUTBOUND[operation.pop("type")])
        render = functools.partial(function(front["by"]), shape.validate_python(operation))
        mentions = tuple(front["mentions"])
        chunks = render(plain=front["plain"], mentions=mentions)
        drawn = {"chunks": told(list(chunks[:MOST_PARTS]), front["language"]), "parts": len(chunks)}
        said = json.dumps(drawn).encode()
        apart.answer(line, {"seconds": time.process_time() - began}, said)


@functools.cache
def function(named: str) -> Render:
    module, _, name = named.partition(":")
    found: Render = getattr(importlib.import_module(module), name)
    return found


if __name__ == "__main__":
    serve(apart.confined(MOST_MEMORY))

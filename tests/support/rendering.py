"""What a process apart is told to render by, in tests."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from sessiondb import content


def render_forever(*_: Any, **__: Any) -> Sequence[dict[str, Any]]:
    """What the process is told to render by, in these tests."""
    while True:
        os.getpid()


def render_plainly(
    operation: content.Text, *, plain: bool, mentions: Sequence[str]
) -> Sequence[dict[str, Any]]:
    if not plain:
        render_forever()
    return [{"text": operation.text[:10]}, {"text": str(len(mentions))}]


def render_and_die(*_: Any, **__: Any) -> Sequence[dict[str, Any]]:
    os._exit(3)


def render_much(*_: Any, **__: Any) -> Sequence[dict[str, Any]]:
    return [{"text": str(number)} for number in range(1_000)]


def render_out_of_memory(*_: Any, **__: Any) -> Sequence[dict[str, Any]]:
    return [{"text": "x" * 10**12}]


def render_as_asked(_: content.Text, *, plain: bool, mentions: Sequence[str]) -> Sequence[dict[str, Any]]:
    return [{"text": "plain" if plain else "marked"}]

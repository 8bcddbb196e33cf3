"""A task's script: it runs before the agent and decides by its last line whether the agent is asked at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from runner import program
from sessiondb.frozen import frozen

TIME_LIMIT = 60.0  # s
LONGEST_SHOWN = 20_000  # characters of it that the agent reads


class GateError(Exception):
    """The script did not decide; the text says why, in one line."""


@frozen
class Gate:
    wake: bool
    output: str  # for the agent: its data as JSON, and what it printed before


async def run(script: str, folder: Path) -> Gate:
    """Raises `GateError`."""
    shell = ("bash", "--noprofile", "--norc", "-c", script)
    try:
        ended = await program.run(shell, folder, limit=TIME_LIMIT)
    except program.ProgramError as error:
        raise GateError(f"the script {error}") from error
    if ended.code:
        said = (ended.errors.strip() or ended.out.strip()).splitlines()
        raise GateError(
            f"the script failed with status {ended.code}" + (f": {said[-1][:300]}" if said else "")
        )
    return _decision(ended.out)


def _decision(out: str) -> Gate:
    *before, last = [line for line in out.split("\n") if line.strip()] or [""]
    try:
        said: Any = json.loads(last)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict) or not isinstance(said.get("wake"), bool):
        raise GateError(
            f'the script\'s last line must be {{"wake": true or false, "data": …}}, not {last[:100]!r}'
        )
    shown = [*before, json.dumps(said["data"], ensure_ascii=False)] if "data" in said else before
    text = "\n".join(shown)[-LONGEST_SHOWN:]
    return Gate(said["wake"], text.encode("utf-8", "replace").decode())  # JSON may name half a character

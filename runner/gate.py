"""A task's script: it runs before the agent and decides by its last line whether the agent is asked at all."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TIME_LIMIT = 60.0  # s
END_GRACE = 5.0  # s a stopped script's pipes get to close
LARGEST_OUTPUT = 1_000_000  # bytes of one stream; a script that prints more is stopped
LONGEST_SHOWN = 20_000  # characters of it that the agent reads


class GateError(Exception):
    """The script did not decide; the text says why, in one line."""


@dataclass(frozen=True, slots=True)
class Gate:
    wake: bool
    output: str  # for the agent: its data as JSON, and what it printed before


async def run(script: str, folder: Path) -> Gate:
    """Raises `GateError`."""
    process = await _start(script, folder)
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    assert process.stderr is not None  # noqa: S101 - it is a pipe
    reading = [asyncio.create_task(_read(stream)) for stream in (process.stdout, process.stderr)]
    try:
        async with asyncio.timeout(TIME_LIMIT):
            out, errors = await asyncio.gather(*reading)
            code = await process.wait()
    except TimeoutError as error:
        raise GateError(f"the script took longer than {TIME_LIMIT:g} s and was stopped") from error
    finally:
        for task in reading:
            task.cancel()
        await asyncio.wait(reading)
        await _end(process)
    if code:
        said = (errors.strip() or out.strip()).splitlines()
        raise GateError(f"the script failed with status {code}" + (f": {said[-1][:300]}" if said else ""))
    return _decision(out)


async def _start(script: str, folder: Path) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            "bash",
            "--noprofile",
            "--norc",
            "-c",
            script,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:  # no shell, too many processes, a zero byte in it
        raise GateError(f"the script could not be started: {error}") from error


async def _end(process: asyncio.subprocess.Process) -> None:
    """With everything it started. What it had printed is read to its end: asyncio waits for that."""
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    assert process.stderr is not None  # noqa: S101 - it is a pipe
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(TimeoutError):  # somebody outside of its group may hold the pipes
        async with asyncio.timeout(END_GRACE):
            await asyncio.gather(_discard(process.stdout), _discard(process.stderr))
            await process.wait()


async def _discard(stream: asyncio.StreamReader) -> None:
    while await stream.read(65_536):
        pass


async def _read(stream: asyncio.StreamReader) -> str:
    found = bytearray()
    while part := await stream.read(65_536):
        found += part
        if len(found) > LARGEST_OUTPUT:
            raise GateError(f"the script printed more than {LARGEST_OUTPUT} bytes and was stopped")
    return found.decode("utf-8", "replace")


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

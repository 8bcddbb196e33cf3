"""A program of somebody else's that is run to its end: bounded in time and output, and gone with everything it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from sessiondb.frozen import frozen

END_GRACE = 5.0  # s a stopped program's pipes get to close
LARGEST_OUTPUT = 1_000_000  # bytes of one stream; a program that prints more is stopped


class ProgramError(Exception):
    """It came to no end of its own. The text says what it did, in one line that begins with a verb."""


@frozen
class Ended:
    code: int
    out: str
    errors: str


async def run(command: Sequence[str], folder: Path, *, limit: float) -> Ended:
    """Within `limit` seconds. Raises `ProgramError`. Cancelled, it ends the program first."""
    process = await _start(command, folder)
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    assert process.stderr is not None  # noqa: S101 - it is a pipe
    reading = [asyncio.create_task(_read(stream)) for stream in (process.stdout, process.stderr)]
    try:
        async with asyncio.timeout(limit):
            out, errors = await asyncio.gather(*reading)
            return Ended(await process.wait(), out, errors)
    except TimeoutError as error:
        raise ProgramError(f"took longer than {limit:g} s and was stopped") from error
    finally:
        for task in reading:
            task.cancel()
        await asyncio.wait(reading)
        await _end(process)


async def _start(command: Sequence[str], folder: Path) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=folder,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:  # no such program, too many processes, a zero byte in it
        raise ProgramError(f"could not be started: {error}") from error


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
            raise ProgramError(f"printed more than {LARGEST_OUTPUT} bytes and was stopped")
    return found.decode("utf-8", "replace")

"""A process apart: what costs time and memory by the will of whoever wrote it costs them there.

It has nothing of the host's, no secret in its environment and no descriptor but its line; it is killed when it takes too long.
What goes over the line is a JSON text in front and bytes behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import socket
import struct
import sys
from pathlib import Path
from typing import Any

HEAD = struct.Struct(">IQ")  # lengths of the JSON in front, and of the bytes behind it
NICENESS = 10  # those who serve people come first


class Apart:
    """The host's side."""

    def __init__(self, child: asyncio.subprocess.Process, line: socket.socket) -> None:
        self._child = child
        self._line = line

    @classmethod
    async def start(cls, module: str) -> Apart:
        """Raises `OSError`."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        nothing = asyncio.subprocess.DEVNULL
        command = (sys.executable, "-P", "-m", module)
        try:
            child = await asyncio.create_subprocess_exec(
                *command, stdin=theirs.fileno(), stdout=nothing, stderr=nothing, env={}, cwd="/"
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        return cls(child, ours)

    async def ask(self, front: dict[str, Any], body: bytes | bytearray) -> tuple[dict[str, Any], bytes]:
        """Raises `OSError` when it is gone."""
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(self._line, encode(front, len(body)))
        await loop.sock_sendall(self._line, body)
        length, size = HEAD.unpack(await self._received(HEAD.size))
        told = json.loads(await self._received(length))
        return told, bytes(await self._received(size))

    def used(self) -> float:
        """s of a core that it has used so far. Raises `OSError` where that cannot be told, as of one that is gone."""
        _, _, fields = Path(f"/proc/{self._child.pid}/stat").read_text("ascii", "replace").rpartition(")")
        return sum(map(int, fields.split()[11:13])) / os.sysconf("SC_CLK_TCK")

    async def end(self) -> None:
        self._line.close()
        with contextlib.suppress(ProcessLookupError):
            self._child.kill()
        await self._child.wait()

    async def _received(self, size: int) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            count = await asyncio.get_running_loop().sock_recv_into(self._line, view)
            if not count:
                raise ConnectionResetError
            view = view[count:]
        return data


# ── the process's own side ───────────────────────────────────────────────────────────────────────────────


def confined(memory: int) -> socket.socket:
    """Takes on the limits and returns the line. `memory`: bytes of address space."""
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    return socket.socket(fileno=0)


def received(line: socket.socket) -> tuple[dict[str, Any], bytearray] | None:
    """The next question; None when there will be none."""
    head = _exactly(line, HEAD.size)
    if head is None:
        return None
    length, size = HEAD.unpack(head)
    front, body = _exactly(line, length), _exactly(line, size)
    return None if front is None or body is None else (json.loads(front), body)


def answer(line: socket.socket, front: dict[str, Any], body: bytes = b"") -> None:
    line.sendall(encode(front, len(body)))
    line.sendall(body)


def encode(front: dict[str, Any], size: int) -> bytes:
    told = json.dumps(front).encode()
    return HEAD.pack(len(told), size) + told


def _exactly(line: socket.socket, size: int) -> bytearray | None:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        count = line.recv_into(view)
        if not count:
            return None
        view = view[count:]
    return data

"""Writing what a platform hands on to the disk, piece by piece and never more than allowed."""

from __future__ import annotations

import asyncio
import mimetypes
from pathlib import Path

import aiohttp

from bots.common.short import shortened
from host.ports.bot import FetchError

PIECE = 256 * 1024  # bytes written at a time
LONGEST_DESCRIPTION = 1_000  # characters of a picture's; Discord takes 1,024, Slack as many at least

_NAMED = mimetypes.MimeTypes()  # what Python itself knows, the same on every machine


def guessed(name: str) -> str:
    """The type that a file's name promises, where its platform says none."""
    return _NAMED.guess_type(name.rpartition("/")[2])[0] or "application/octet-stream"


async def save(source: aiohttp.StreamReader, path: Path, most: int) -> None:
    """Raises `FetchError` beyond `most` bytes and where there are none, and `OSError`."""
    size = 0
    with await asyncio.to_thread(path.open, "wb") as out:
        async for piece in source.iter_chunked(PIECE):
            size += len(piece)
            if size > most:
                raise FetchError(f"it has more than {most} bytes")
            await asyncio.to_thread(out.write, piece)
    if not size:
        raise FetchError("it is empty")


def described(name: str, comment: str) -> str:
    """Of a picture, for who does not see it: what is said with it, in one line, else its name; '' of other files."""
    if not guessed(name).startswith("image/"):
        return ""
    words = " ".join(comment.split()) or name
    return shortened(words, LONGEST_DESCRIPTION)

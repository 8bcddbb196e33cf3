"""Folders that may lie on a network: no wait for one lasts unseen, and the one that nodes share is known by a mark in it.

A person makes the mark, empty, where the share is mounted, and the first node that serves writes into it which folder it is.
Where nothing is mounted there is none, and nothing is made in its place. A call that hangs keeps a thread; there are so many.

Unfit    the folder is not there, is another one, cannot be written, or does not answer; what and what to do are for people
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ParamSpec, TypeVar

from host.folders.disk import fail
from host.folders.ownership import CONTAINER_USER

P = ParamSpec("P")
T = TypeVar("T")

MARK = ".dovecote"  # no agent's name begins so
WITHIN = 10.0  # s in which a folder answers
PAUSE = 0.05  # s between two looks
MOST = 16  # calls under way; where so many hang, none begins


class Unfit(OSError):
    def __init__(self, folder: Path, problem: str, remedy: str) -> None:
        super().__init__(errno.EREMOTEIO, problem, str(folder))
        self.problem = problem
        self.remedy = remedy


class Patient:
    """Runs what may hang, each in a thread that nobody waits for at the end. Raises what it raises, and `TimeoutError`."""

    def __init__(self, within: float = WITHIN, most: int = MOST) -> None:
        self._within = within
        self._places = asyncio.Semaphore(most)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Whoever comes while all threads are at work waits for one, as long as for an answer."""
        call = functools.partial(function, *args, **kwargs)
        async with asyncio.timeout(self._within):
            await self._places.acquire()
            return await _begun(call, self._places.release)


def _begun(call: Callable[[], T], over: Callable[[], None]) -> asyncio.Future[T]:
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()

    def settle(found: list[T], failed: list[BaseException]) -> None:
        over()
        if outcome.done():  # its caller has gone
            return
        if failed:
            fail(outcome, failed[0])
        else:
            outcome.set_result(found[0])

    def work() -> None:
        found: list[T] = []
        failed: list[BaseException] = []
        try:
            found.append(call())
        except BaseException as error:  # noqa: BLE001 - the caller's, whatever it is
            failed.append(error)
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(settle, found, failed)

    threading.Thread(target=work, name="share", daemon=True).start()
    return outcome


def at_once(folder: Path, function: Callable[[], T], within: float = WITHIN) -> T:
    """For who has no loop. Raises what the function raises, `Unfit` where it hangs."""
    found: list[T] = []
    failed: list[BaseException] = []

    def work() -> None:
        try:
            found.append(function())
        except BaseException as error:  # noqa: BLE001 - the caller's, whatever it is
            failed.append(error)

    thread = threading.Thread(target=work, name="share", daemon=True)
    thread.start()
    thread.join(within)
    if failed:
        raise failed[0]
    if not found:
        raise hangs(folder)
    return found[0]


def hangs(folder: Path) -> Unfit:
    return Unfit(
        folder,
        "its file system does not answer",
        "Look at the server of the share, and whether this machine reaches it",
    )


def marked(root: Path) -> str:
    """What its mark says: '' for one that is new. Raises `Unfit`."""
    try:
        return (root / MARK).read_text("utf-8").strip()
    except FileNotFoundError:
        if not root.is_dir():
            raise Unfit(root, "there is no such folder", "Mount the share there") from None
        raise Unfit(
            root,
            f"there is no file {MARK} in it: the share is not mounted there, or it is a new one",
            f"Mount it; of a new one it is made once: touch {root / MARK}",
        ) from None
    except (OSError, ValueError) as error:
        raise _cannot(root, error) from error


def require(root: Path, known: str) -> None:
    """`known`: what the database says of the folder that nodes share, '' for nothing yet. Raises `Unfit`."""
    found = marked(root)
    if known and found != known:
        what = "its mark is empty" if not found else f"its mark says {found!r}"
        raise Unfit(
            root,
            f"it is another folder than the one that the nodes of this database share: {what}",
            f"Mount that one; where this one has taken its place: echo '{known}' > {root / MARK}",
        )


def claim(root: Path, installation: str) -> str:
    """Of a folder that the database knows nothing of yet: what its mark says from now on. Of two nodes at once one has the empty
    mark, and the other waits for what that one writes. A crash before leaves none, which is made again; a crash after it a mark
    that the next start takes over. Raises `Unfit`."""
    found = _written(root)
    own = root / f"{MARK}.{secrets.token_hex(4)}"
    if not found:
        try:
            (root / MARK).rename(own)
            if found := own.read_text("utf-8").strip():  # another node wrote it between our look and this
                own.replace(root / MARK)
        except FileNotFoundError:
            found = _written(root)
        except (OSError, ValueError) as error:
            raise _cannot(root, error) from error
    if found and found.partition(" ")[0] != installation:
        raise Unfit(
            root,
            f"it is another installation's: its mark says {found!r}",
            "Name a folder that is this one's alone",
        )
    if found:
        return found
    made, draft = f"{installation} {secrets.token_hex(6)}", own.with_suffix(".new")
    try:
        with draft.open("w", encoding="utf-8") as file:
            file.write(f"{made}\n")
            file.flush()
            os.fsync(file.fileno())
        draft.replace(root / MARK)
        own.unlink()
    except OSError as error:
        raise _cannot(root, error) from error
    return made


def _written(root: Path) -> str:
    """What the mark says, perhaps by another node that has it in its hands at this moment. Raises `Unfit`."""
    until, missed = time.monotonic() + WITHIN / 2, False
    while True:
        try:
            return marked(root)
        except Unfit:
            busy = any(root.glob(f"{MARK}.*"))
            if (missed and not busy) or time.monotonic() > until:
                raise
            missed = not busy  # it may have been written just now: one more look
            time.sleep(PAUSE)


def require_writable(root: Path) -> None:
    """By a file that is taken away again. Raises `Unfit`."""
    try:
        with _scratch(root) as fd:
            os.write(fd, b"\0")
            os.fsync(fd)
            if os.geteuid() == 0:
                os.fchown(fd, CONTAINER_USER, CONTAINER_USER)
                return
            mine, theirs = os.fstat(fd).st_uid, (root / MARK).stat()
    except PermissionError as error:
        if os.geteuid() == 0:
            raise Unfit(
                root,
                f"files in it cannot be given to the user of containers ({CONTAINER_USER}): {error.strerror}",
                "Export it with no_root_squash, or run the hosts as another user than root",
            ) from error
        raise _cannot(root, error) from error
    except OSError as error:
        raise _cannot(root, error) from error
    if theirs.st_size and theirs.st_uid != mine:
        raise Unfit(
            root,
            f"what the other nodes make in it is user {theirs.st_uid}'s, and this host is user {mine}",
            "Run the hosts of all nodes by one user id",
        )


@contextlib.contextmanager
def _scratch(root: Path) -> Iterator[int]:
    path = root / f"{MARK}.{secrets.token_hex(8)}"
    fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        yield fd
    finally:
        os.close(fd)
        path.unlink(missing_ok=True)


def _cannot(root: Path, error: Exception) -> Unfit:
    why = (error.strerror if isinstance(error, OSError) else "") or str(error)
    return Unfit(root, f"it cannot be used: {why}", "Make it readable and writable for the user of the hosts")

"""A folder whose inside is a container's as one file, and back: a tar, compressed, the same bytes for the same files.

It is gone into by descriptors, and no symlink is followed (law 8). Files of several names are packed once, what is neither file,
folder nor symlink is left out, and what grows or shrinks while it is read has the length it had before. Whoever unpacks makes all
of it anew: modes beyond read, write and execute, owners and devices do not come back.

TooLarge    it has more bytes or files than may be packed
Broken      what is to be unpacked is not what was packed
"""

from __future__ import annotations

import gzip
import hashlib
import io
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, BinaryIO

from host.folders import tree

DEEPEST = 60  # folders below one another; a descriptor each
LONGEST = 3_000  # bytes of a path
MOST_FILES = 200_000
BLOCK = 1 << 18  # bytes that are read at a time
LEVEL = 1  # of compression: of what is copied often, time is dearer than room
OPEN = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY


class TooLarge(Exception):
    pass


class Broken(Exception):
    pass


@dataclass(frozen=True, slots=True)
class Look:
    """`mark` is another one as soon as anything in the folder was changed."""

    mark: str
    size: int  # bytes of the files
    files: int  # folders included


@dataclass(frozen=True, slots=True)
class Packed:
    digest: str  # SHA-256 of the tar
    size: int  # bytes of the files
    left: int  # entries that cannot be read


@dataclass(frozen=True, slots=True)
class _Entry:
    folder: int  # an open descriptor
    name: str
    path: str
    found: os.stat_result
    hidden: bool = False  # too deep, too long, or a folder that cannot be looked into


def look(root: Path) -> Look:
    """By names, sizes and times alone. A folder that is not there is empty. Raises `OSError`, `TooLarge`."""
    told, size, files = hashlib.sha256(), 0, 0
    for entry in _entries(root):
        files += 1
        if files > MOST_FILES:
            raise TooLarge(f"more than {MOST_FILES} files")
        found, line = entry.found, os.fsencode(entry.path)
        told.update(b"%d %s\0%o" % (len(line), line, found.st_mode))
        if not stat.S_ISDIR(found.st_mode):
            size += _size(found)
            told.update(b" %d %d" % (found.st_size, found.st_ctime_ns))
    return Look(told.hexdigest() if files else "", size, files)


def pack(root: Path, file: BinaryIO, most: int) -> Packed:
    """Raises `TooLarge` where there are more bytes than `most`, and `OSError`."""
    told = _Told(file)
    size = left = files = 0
    with (
        gzip.GzipFile("", "wb", LEVEL, told.compressed, mtime=0) as squeezed,
        tarfile.open(
            fileobj=told.of(squeezed),
            mode="w|",
            bufsize=BLOCK,
            format=tarfile.GNU_FORMAT,
            errors="surrogateescape",
        ) as out,
    ):
        names: dict[tuple[int, int], str] = {}  # of files that have several
        for entry in _entries(root):
            files += 1
            size += _size(entry.found) if _identity(entry.found) not in names else 0
            if size > most or files > MOST_FILES:
                raise TooLarge(f"more than {MOST_FILES} files" if files > MOST_FILES else "")
            left += not _put(out, entry, names)
    return Packed(told.digest, size, left)


def unpack(file: IO[bytes], root: Path, most: int) -> str:
    """Into an empty folder of which nobody else knows yet. The digest of what was packed. Raises `Broken`, `OSError`."""
    root = root.resolve()
    told = _Read(gzip.GzipFile(fileobj=file, mode="rb"))
    later: list[tarfile.TarInfo] = []  # what could lead somebody astray while it is being unpacked
    left = most
    try:
        with tarfile.open(fileobj=told, mode="r|", bufsize=BLOCK, errors="surrogateescape") as packed:
            for number, head in enumerate(packed):
                path = _within(root, head.name)
                if number >= MOST_FILES:
                    raise Broken("it has more files than it may")
                if head.isdir():
                    path.mkdir()
                    path.chmod(head.mode & 0o777 | 0o700)
                elif head.isreg():
                    left -= head.size
                    if left < 0:
                        raise Broken("it has more than it may")
                    content = packed.extractfile(head)
                    if content is not None:
                        _fill(path, content, head)
                else:
                    later.append(head)
        told.rest()
    except (tarfile.TarError, EOFError, gzip.BadGzipFile, ValueError) as error:
        raise Broken(str(error)) from error
    for head in sorted(later, key=lambda one: one.issym()):
        _link(root, head)
    return told.digest


# ── packing ──────────────────────────────────────────────────────────────────────────────────────────────


def _entries(root: Path) -> Iterator[_Entry]:
    """In the order of their names, a folder before what is in it. What vanishes meanwhile is left out."""
    try:
        top = tree.enter(str(root), None, os.lstat(root), opening=True)
    except FileNotFoundError:
        return
    yield from _below(top, "", 0)


def _below(folder: int, above: str, depth: int) -> Iterator[_Entry]:
    """Closes the folder."""
    try:
        for name in sorted(os.listdir(folder), key=os.fsencode):
            path = f"{above}{name}"
            try:
                found = os.stat(name, dir_fd=folder, follow_symlinks=False)
                hidden = len(os.fsencode(path)) > LONGEST
                if hidden or not stat.S_ISDIR(found.st_mode):
                    yield _Entry(folder, name, path, found, hidden)
                    continue
                inside = tree.enter(name, folder, found, opening=True) if depth < DEEPEST else -1
            except PermissionError:
                inside = -1
            except (FileNotFoundError, NotADirectoryError):
                continue
            yield _Entry(folder, name, path, found, hidden=inside < 0)
            if inside >= 0:
                yield from _below(inside, f"{path}/", depth + 1)
    finally:
        os.close(folder)


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _size(found: os.stat_result) -> int:
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def _put(out: tarfile.TarFile, entry: _Entry, names: dict[tuple[int, int], str]) -> bool:
    """False where it cannot be packed."""
    found, head = entry.found, tarfile.TarInfo(entry.path)
    head.mode = (
        stat.S_IMODE(found.st_mode) & 0o777 | 0o600
    )  # as it can be unpacked, so that it packs the same again
    if entry.hidden:
        return False
    if stat.S_ISDIR(found.st_mode):
        head.type, head.mode = tarfile.DIRTYPE, head.mode | 0o700
    elif stat.S_ISLNK(found.st_mode):
        head.type = tarfile.SYMTYPE
        try:
            head.linkname = os.readlink(entry.name, dir_fd=entry.folder)
        except OSError:
            return False
    elif not stat.S_ISREG(found.st_mode):
        return True  # of a process that does not come along
    elif (first := names.get(_identity(found))) is not None:
        head.type, head.linkname = tarfile.LNKTYPE, first
    else:
        return _put_file(out, entry, head, names)
    out.addfile(head)
    return True


def _put_file(
    out: tarfile.TarFile, entry: _Entry, head: tarfile.TarInfo, names: dict[tuple[int, int], str]
) -> bool:
    try:
        descriptor = os.open(entry.name, OPEN, dir_fd=entry.folder)
    except OSError:
        return False
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        now = os.fstat(descriptor)
        if not stat.S_ISREG(now.st_mode) or _identity(now) != _identity(entry.found):
            return False  # another has taken its place
        head.size, head.mtime = entry.found.st_size, max(0, int(entry.found.st_mtime))
        out.addfile(head, io.BufferedReader(_Exactly(file, head.size), BLOCK))
    if entry.found.st_nlink > 1:
        names[_identity(entry.found)] = entry.path
    return True


class _Exactly(io.RawIOBase):
    """So many bytes of a file, whatever is written to it meanwhile: zeros where it became shorter."""

    def __init__(self, file: io.RawIOBase | io.FileIO, size: int) -> None:
        self._file = file
        self._left = size

    def readable(self) -> bool:
        return True

    def readinto(self, into: memoryview | bytearray) -> int:  # type: ignore[override]
        wanted = min(len(into), self._left)
        if not wanted:
            return 0
        piece = self._file.read(wanted) or bytes(wanted)
        into[: len(piece)] = piece
        self._left -= len(piece)
        return len(piece)


class _Told:
    """What is written to it goes on, and is digested on the way."""

    def __init__(self, file: BinaryIO) -> None:
        self.compressed = file
        self._digest = hashlib.sha256()

    def of(self, squeezed: gzip.GzipFile) -> IO[bytes]:
        digest = self._digest

        class Passed(io.RawIOBase):
            def writable(self) -> bool:
                return True

            def write(self, piece: bytes) -> int:  # type: ignore[override]
                digest.update(piece)
                return squeezed.write(piece)

        return Passed()  # type: ignore[return-value]

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()


# ── unpacking ────────────────────────────────────────────────────────────────────────────────────────────


class _Read(io.RawIOBase):
    def __init__(self, squeezed: gzip.GzipFile) -> None:
        self._squeezed = squeezed
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._squeezed.read(size)
        self._digest.update(piece)
        return piece

    def rest(self) -> None:
        """Behind the end of the tar."""
        while self.read(BLOCK):
            pass

    @property
    def digest(self) -> str:
        return self._digest.hexdigest()


def _within(root: Path, name: str) -> Path:
    """Raises `Broken`."""
    parts = PurePosixPath(name).parts
    if not parts or name.startswith("/") or ".." in parts or "\0" in name:
        raise Broken(f"{name!r} is no path within it")
    return root.joinpath(*parts)


def _fill(path: Path, content: IO[bytes], head: tarfile.TarInfo) -> None:
    """Zeros become holes."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb", buffering=0) as file:
        while piece := content.read(BLOCK):
            if piece.count(0) == len(piece):
                file.seek(len(piece), os.SEEK_CUR)
            else:
                file.write(piece)
        file.truncate(head.size)
        os.fchmod(fd, head.mode & 0o777 | 0o600)
    os.utime(path, (head.mtime, head.mtime))


def _link(root: Path, head: tarfile.TarInfo) -> None:
    path = _within(root, head.name)
    if head.issym():
        if path.parent.resolve() != path.parent:
            raise Broken(f"{head.name!r} lies behind a link")
        path.symlink_to(head.linkname)
    elif head.islnk():
        target = _within(root, head.linkname)
        if not stat.S_ISREG(target.lstat().st_mode):
            raise Broken(f"{head.linkname!r} is no file")
        os.link(target, path, follow_symlinks=False)
    else:
        raise Broken(f"{head.name!r} is of no kind that is packed")


def take_away(path: Path) -> None:
    """With all that is in it, folders that are closed too. Raises `OSError`."""
    with suppress(FileNotFoundError):
        try:
            shutil.rmtree(path)
        except PermissionError:
            for _ in tree.entries(path, opening=True):
                pass
            shutil.rmtree(path)

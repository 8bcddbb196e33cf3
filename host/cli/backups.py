"""Backups from the command line: made beside a running host, restored into an empty folder, and the word to go on."""

from __future__ import annotations

import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from rich.text import Text

from host.cli import forgetting
from host.cli.listing import utc
from host.ports.printing import SafeConsole
from host.upkeep.backups import scratch
from host.upkeep.backups.making import BackupError, make
from host.upkeep.backups.restoring import Restored, restore

AGE, GPG = "age", "gpg"
REPORT = "age: report unexpected"  # how its errors end, whatever they are
GPG_HERE = ("--batch", "--no-auto-key-locate")  # a key from the network would be anybody's
PACKAGES = {AGE: "age", GPG: "gnupg"}
UNFINISHED = re.compile(r".+\.[0-9a-f]{8}\.unfinished")
SHOWN = 20  # lines of what may repeat
_out = SafeConsole()
_progress = SafeConsole(stderr=True)


def write(data: Path, file: Path, *, age: str, gpg: str) -> None:
    """`age` and `gpg` name whoever can read it, or are ''. The file is whole or not there. Raises `BackupError`, `OSError`."""
    if age and gpg:
        raise BackupError("name one recipient: --age or --gpg")
    if str(file) == "-":
        raise BackupError("a backup is written to a file, which is whole or not there: name one")
    if not file.parent.is_dir():
        raise BackupError(f"{file.parent} is no folder: make it, or name another file")
    if file.exists():
        raise BackupError(f"{file} exists: name a new file")
    if file.resolve().is_relative_to(data.resolve()):
        raise BackupError(
            f"{file} lies in the data folder, which it is to be a copy of: name a file outside of {data}"
        )
    _clear_unfinished(file.parent)
    # Its own: two at a time each write a whole one, and nobody can have laid a link in its place.
    unfinished, descriptor = scratch.file(
        lambda: file.with_name(f"{file.name}.{secrets.token_hex(4)}.unfinished")
    )
    try:
        with os.fdopen(descriptor, "wb") as raw, _progress.status("Copying…") as status:
            with _sealed(raw, age, gpg) as to:
                made = make(data, to, status.update, in_memory=bool(age or gpg))
            raw.flush()
            os.fsync(raw.fileno())
        unfinished.rename(file)
    finally:
        unfinished.unlink(missing_ok=True)
    _say(
        f"{file}: everything before {utc(made.at)} of {made.sessions} conversations, {made.files} files,"
        f" {file.stat().st_size / 1e6:,.1f} MB"
    )
    for line in made.left_out:
        _say(f"left out: {line}", "yellow")


def _clear_unfinished(folder: Path) -> None:
    """What was written of backups that were killed."""
    for path in folder.iterdir():
        if UNFINISHED.fullmatch(path.name) and scratch.clear_file(path):
            _say(f"{path}: taken away, the beginning of a backup that was killed")


def read(file: Path, data: Path, *, identity: str, forgotten: Path | None = None) -> None:
    """`identity` is age's, '' where none is needed. Raises `BackupError`, `DataFolderError`, `OSError`, `SessionError`."""
    marks = forgetting.read(forgotten) if forgotten is not None else {}
    with _opened(file, identity) as source, _progress.status("Restoring…"):
        restored = restore(source, data, marks)
    _tell(restored, data)
    if marks:
        _say(f"- {len(marks)} people were forgotten since, and are at the next start")


def _tell(restored: Restored, data: Path) -> None:
    _say(
        f"{data}: as it was at {utc(restored.made_at)}: {restored.sessions} conversations, {restored.files} files"
    )
    _say("It is held: nothing is heard or said before `dovecote resume`. Then")
    _say(
        f"- {restored.waiting} messages that were not answered are answered; some may have been, after the backup"
    )
    _say(f"- {restored.tasks} scheduled tasks have missed a time since, and do what they say for that")
    _say(
        f"- {len(restored.begun)} posts are looked up on their platform, and said only if they are not there"
    )
    for line in restored.begun[:SHOWN]:
        _say(f"    {line}")
    if len(restored.begun) > SHOWN:
        _say(f"    and {len(restored.begun) - SHOWN} more")
    _say("- what people said after the backup is not answered; `dovecote resume --answer` changes that")
    _say("The host that made the backup must not run any more.")
    for line in restored.damaged:
        _say(f"damaged in the backup, made again when it is opened: {line}", "yellow")


@contextmanager
def _sealed(raw: IO[bytes], age: str, gpg: str) -> Iterator[IO[bytes]]:
    """What is written passes an encrypting program, where one is asked for."""
    if not (age or gpg):
        yield raw
        return
    command = (
        [_tool(AGE), "--encrypt", "--recipient", age]
        if age
        else [_tool(GPG), *GPG_HERE, "--yes", "--trust-model", "always", "--encrypt", "--recipient", gpg]
    )
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=raw, stderr=subprocess.PIPE)
    assert process.stdin is not None  # noqa: S101 - it is a pipe
    try:
        yield process.stdin
    except BrokenPipeError as error:
        raise BackupError(_last_words(process)) from error
    except BaseException:
        process.kill()
        raise
    finally:
        _let_go(process.stdin)
        process.wait()
    if process.returncode:
        raise BackupError(_last_words(process))


@contextmanager
def _opened(file: Path, identity: str) -> Iterator[IO[bytes]]:
    if file.exists() and not file.is_file():  # a pipe gives its beginning once, and is waited for without end
        raise BackupError(f"{file} is no file: name one that `dovecote backup` wrote, on a disk")
    with file.open("rb") as raw:
        beginning = raw.read(32)
    with file.open("rb") as raw:
        if beginning.startswith(b"\x1f\x8b"):
            yield raw
            return
        if beginning.startswith((b"age-encryption.org/", b"-----BEGIN AGE")):
            command = [_tool(AGE), "--decrypt", *(["--identity", identity] if identity else [])]
        elif (
            beginning.startswith(b"-----BEGIN PGP") or beginning[:1] >= b"\x80"
        ):  # armour, or the mark of a packet
            command = [_tool(GPG), "--batch", "--quiet", "--decrypt"]
        else:
            raise BackupError(f"{file} is no backup of Dovecote")
        process = subprocess.Popen(command, stdin=raw, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            yield process.stdout
        except BackupError as error:
            process.stdout.close()
            if process.wait() > 0:  # what it gave was no backup, for it could not read it
                raise BackupError(f"{file} cannot be decrypted: {_last_words(process)}") from error
            raise
        finally:
            process.stdout.close()
            process.wait()
        if process.returncode:
            raise BackupError(_last_words(process))


def _let_go(pipe: IO[bytes]) -> None:
    try:
        pipe.close()
    except BrokenPipeError:
        return


def _last_words(process: subprocess.Popen[bytes]) -> str:
    said = process.stderr.read().decode("utf-8", "replace").strip() if process.stderr else ""
    lines = [line for line in said.splitlines() if REPORT not in line]
    return lines[-1][:300] if lines else f"it ended with {process.returncode}"


def _tool(name: str) -> str:
    """Raises `BackupError`."""
    if (found := shutil.which(name)) is None:
        raise BackupError(
            f"{name} is not installed on this machine: install it (Debian: `apt install {PACKAGES[name]}`)"
        )
    return found


def _say(line: str, style: str = "") -> None:
    _out.print(Text(line, style), soft_wrap=True)

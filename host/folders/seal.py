"""Sealing what must not be read from a copy of host.db: by a key of the environment, or of a file that nobody else reads."""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from host.config.environment import SEAL_KEY

FORMER = (
    "DOVECOTE_FORMER_SEAL_KEY"  # opens what it sealed and seals nothing more; several stand apart by spaces
)
FILE = "seal.key"  # in the data folder, where the environment has none
SHORTEST = 16  # characters of a key that somebody chose


class SealError(Exception):
    """The text says what to do, and holds nothing secret."""


class Seal:
    """The key is read, or made, when it is first needed."""

    def __init__(self, data: Path, environment: Mapping[str, str]) -> None:
        self._file = data / FILE
        self._given = environment.get(SEAL_KEY, "").strip()
        former = environment.get(FORMER, "").strip()
        self._former = tuple(dict.fromkeys(key for key in (former, *former.split()) if len(key) >= SHORTEST))

    def seal(self, text: str) -> bytes:
        """Raises `SealError`."""
        return bytes(self._box(make=True).encrypt(text.encode()))

    def open(self, sealed: bytes) -> str:
        """Raises `SealError`."""
        for box in self._boxes():
            if (found := _opened(box, sealed)) is not None:
                return found
        where = SEAL_KEY if self._given else str(self._file)
        raise SealError(f"what was sealed cannot be opened with the key of {where}; sign in again")

    def renewed(self, sealed: bytes) -> bytes | None:
        """The same under the key of today; None where it is already, or where nothing opens it. Raises `SealError`."""
        if not self._former:
            return None
        now, *former = self._boxes()
        if _opened(now, sealed) is not None:
            return None
        texts = (_opened(box, sealed) for box in former)
        return next((bytes(now.encrypt(text.encode())) for text in texts if text is not None), None)

    def _boxes(self) -> list[Any]:
        """The key of today first. Raises `SealError`."""
        return [self._box(make=False), *(_box(key.encode()) for key in self._former)]

    def _box(self, *, make: bool) -> Any:
        return _box(self._key(make=make))

    def _key(self, *, make: bool) -> bytes:
        if self._given:
            if len(self._given) < SHORTEST:
                raise SealError(
                    f"{SEAL_KEY} has fewer than {SHORTEST} characters; `openssl rand -base64 32` makes one"
                )
            return self._given.encode()
        try:
            return self._read() if not make or self._file.exists() else self._made()
        except OSError as error:
            raise SealError(f"{self._file}: {error.strerror}; sign in again, or set {SEAL_KEY}") from error

    def _read(self) -> bytes:
        with os.fdopen(os.open(self._file, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise SealError(
                    f"{self._file} can be read by others; `chmod 600` it, and sign in again where that matters"
                )
            key = file.read().strip()
        if len(key) < SHORTEST:
            raise SealError(f"{self._file} holds no key; remove it, and sign in again")
        return key

    def _made(self) -> bytes:
        """Whole or not there, on the disk before anything is sealed with it; who comes second takes the first one's."""
        draft = self._file.with_name(f"{FILE}.{secrets.token_hex(8)}")
        key = base64.b64encode(os.urandom(32))
        with os.fdopen(
            os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "wb"
        ) as file:
            file.write(key + b"\n")
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(draft, self._file)
        except FileExistsError:
            return self._read()
        finally:
            draft.unlink(missing_ok=True)
        folder = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return key


def _box(key: bytes) -> Any:  # its type is of the library, which is loaded when something is sealed
    from cryptography.fernet import Fernet

    return Fernet(base64.urlsafe_b64encode(hashlib.sha256(key).digest()))


def _opened(box: Any, sealed: bytes) -> str | None:
    from cryptography.fernet import InvalidToken

    try:
        return bytes(box.decrypt(sealed)).decode()
    except InvalidToken:
        return None

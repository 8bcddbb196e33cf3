"""The words of one privacy scope, to be found: a file of its own, which the host alone writes and no container has.

It knows where words stand and keeps none of what was said (FTS5 without content): what is shown is read from the conversation,
which decides whether it is there still. Damaged or lost, it is made again.
"""

from __future__ import annotations

import contextlib
import heapq
import re
import time
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import apsw

from sessiondb.connection import transaction
from sessiondb.errors import Damaged, translated

FOLDER = "search"  # of the data folder
VERSION = 2
BUSY = 2_000  # ms one waits for the other
LONGEST = 2.0  # s a question may take
LONGEST_ASKED = 500  # characters of a question; the rest is not looked for
MOST_WORDS = 20  # of a question
PLACES = 16  # bits of an id below its time
FORGOTTEN_AT_ONCE = 500

_SCHEMA = """
CREATE TABLE docs (id INTEGER PRIMARY KEY, session TEXT NOT NULL, seq INTEGER NOT NULL);
CREATE INDEX docs_session ON docs (session, seq);
CREATE VIRTUAL TABLE words USING fts5(said, content='', contentless_delete=1, prefix='2 3',
    tokenize="unicode61 remove_diacritics 0 categories 'L* N* M* Co'");
CREATE TABLE marks (session TEXT PRIMARY KEY, heard INTEGER NOT NULL, said INTEGER NOT NULL, active_at INTEGER NOT NULL)
WITHOUT ROWID;
"""
# Scripts that put no space between words, or tie what belongs to others to them: each character is a word (of Hangul each
# syllable, which begins with one of its first letters), and what is asked for is a row of them.
UNSPACED = re.compile(
    r"([\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3105-\u312f\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
    r"|[\u3040-\u3098\u309b-\u30ff][\u3099\u309a]?|[\u1100-\u115f][\u1160-\u11ff]*)"
)
VOICED = "\u3099\u309a"  # of kana, which they make others, as no accent does
OTHERS = {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"}
MOST_KNOWN = 20_000  # characters whose plain letters are kept


class _Plain(dict[int, str]):
    def __missing__(self, point: int) -> str:
        found = "".join(
            OTHERS.get(one, one)
            for one in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", chr(point)).casefold())
            if one in VOICED or not unicodedata.combining(one)
        )
        if len(self) < MOST_KNOWN:
            self[point] = found
        return found


_PLAIN = _Plain()


def plain(text: str) -> str:
    """Small letters without accents, ligatures and widths, as they are put in and looked for; character by character, so
    that what a part of the text becomes is a part of what all of it becomes."""
    return text.translate(_PLAIN)


@dataclass(frozen=True, slots=True)
class Said:
    """Something to be found. `at` is ms UTC."""

    seq: int
    at: int
    text: str


@dataclass(frozen=True, slots=True)
class Marks:
    """Up to where a conversation was read: its two files' seqs, and when it was active then."""

    heard: int = 0
    said: int = 0
    active_at: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    id: int  # the later, the larger
    session: str
    seq: int
    scope: str


class TooMuch(Exception):
    """The question takes too long."""


class Index:
    """Open for writing."""

    def __init__(self, path: Path) -> None:
        """Raises `OSError`, `sessiondb.SessionError`."""
        self._path = path
        path.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            self._connection = _opened(path)
        except (apsw.CorruptError, apsw.NotADBError, _AnotherVersion):
            remove(path)
            with translated(path):
                self._connection = _opened(path)

    def close(self) -> None:
        self._connection.close()

    def marks(self, session: str) -> Marks:
        with translated(self._path):
            row = self._connection.execute(
                "SELECT heard, said, active_at FROM marks WHERE session = ?", (session,)
            ).fetchone()
        return Marks(*(int(str(mark)) for mark in row)) if row else Marks()

    def sessions(self) -> list[str]:
        with translated(self._path):
            return [str(id_) for (id_,) in self._connection.execute("SELECT session FROM marks").fetchall()]

    def put(self, session: str, marks: Marks, said: Iterable[Said]) -> None:
        """What is there of the same messages is replaced."""
        with transaction(self._connection, self._path):
            for seq, parts in _by_seq(said).items():
                self._forget("session = ? AND seq = ?", session, seq)
                for one in parts:
                    self._add(session, one)
            self._connection.execute(
                "INSERT OR REPLACE INTO marks VALUES (?, ?, ?, ?)",
                (session, marks.heard, marks.said, marks.active_at),
            )

    def forget(self, session: str) -> None:
        with transaction(self._connection, self._path):
            self._forget("session = ?", session)
            self._connection.execute("DELETE FROM marks WHERE session = ?", (session,))

    def forget_before(self, at: int) -> bool:
        """A portion of what is older; whether there was as much as that."""
        with transaction(self._connection, self._path):
            return self._forget("id < ?", at << PLACES) == FORGOTTEN_AT_ONCE

    def _forget(self, where: str, *bindings: str | int) -> int:
        limit = f"LIMIT {FORGOTTEN_AT_ONCE}" if where.startswith("id") else ""
        rows = self._connection.execute(f"SELECT id FROM docs WHERE {where} {limit}", bindings).fetchall()
        self._connection.executemany("DELETE FROM words WHERE rowid = ?", rows)
        self._connection.executemany("DELETE FROM docs WHERE id = ?", rows)
        return len(rows)

    def _add(self, session: str, one: Said) -> None:
        """The low bits part what was said in the same moment, also in two files that are searched together."""
        told = f"{self._path.name}|{session}|{one.seq}".encode()
        id_ = (max(one.at, 0) << PLACES) | (zlib.crc32(told) & ((1 << PLACES) - 1))
        while self._connection.execute("SELECT 1 FROM docs WHERE id = ?", (id_,)).fetchone() is not None:
            id_ += 1
        self._connection.execute("INSERT INTO docs VALUES (?, ?, ?)", (id_, session, one.seq))
        self._connection.execute("INSERT INTO words (rowid, said) VALUES (?, ?)", (id_, _spaced(one.text)))


def path_of(data: Path, scope: str) -> Path:
    return data / FOLDER / f"{scope}.db"


def files(data: Path) -> list[Path]:
    return sorted((data / FOLDER).glob("*.db"))


def remove(path: Path) -> None:
    """The journal first: left behind, it would be played into the next file of this name."""
    for name in (f"{path}-journal", str(path)):
        Path(name).unlink(missing_ok=True)


def asked(text: str) -> str:
    """A question as FTS5 takes it: every word as it is, whatever it means in FTS5's own language, or how one begins; '' for no
    word at all."""
    found = [word for word in text[:LONGEST_ASKED].replace("\0", " ").split() if any(map(str.isalnum, word))]
    return " ".join(map(_matched, found[:MOST_WORDS]))


def find(paths: Sequence[Path], match: str, before: int, most: int) -> list[Hit]:
    """The latest that have all the words, below an id (0: the latest of all). Raises `TooMuch`, `sessiondb.SessionError`."""
    until = time.monotonic() + LONGEST
    found = [_in(path, match, before or 2**62, most, until) for path in paths]
    return list(heapq.nlargest(most, (hit for hits in found for hit in hits)))


def _in(path: Path, match: str, before: int, most: int, until: float) -> list[Hit]:
    if not path.exists():
        return []
    sql = (
        "SELECT words.rowid, docs.session, docs.seq FROM words JOIN docs ON docs.id = words.rowid"
        " WHERE words MATCH ? AND words.rowid < ? ORDER BY words.rowid DESC LIMIT ?"
    )
    try:
        with _reading(path) as connection:
            connection.set_progress_handler(lambda: time.monotonic() > until, 10_000)
            rows = connection.execute(sql, (match, before, most)).fetchall()
    except apsw.InterruptError as error:
        raise TooMuch from error
    except (_AnotherVersion, Damaged):  # made again by whoever writes
        return []
    return [Hit(int(str(id_)), str(session), int(str(seq)), path.stem) for id_, session, seq in rows]


@contextmanager
def _reading(path: Path) -> Iterator[apsw.Connection]:
    flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_NOFOLLOW
    with translated(path), closing(apsw.Connection(str(path), flags=flags)) as connection:
        connection.set_busy_timeout(BUSY)
        if connection.pragma("user_version") != VERSION:
            raise _AnotherVersion
        yield connection


class _AnotherVersion(Exception):
    pass


def _opened(path: Path) -> apsw.Connection:
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_NOFOLLOW
    connection = apsw.Connection(str(path), flags=flags)
    try:
        connection.set_busy_timeout(BUSY)
        connection.pragma("journal_mode", "delete")
        connection.pragma("synchronous", "normal")  # what a power failure takes is read again
        connection.pragma("secure_delete", True)
        version = connection.pragma("user_version")
        if version not in (0, VERSION):
            raise _AnotherVersion
        if version == 0:
            with transaction(connection, path):
                connection.execute(_SCHEMA)
                connection.pragma("user_version", VERSION)
    except BaseException:
        with contextlib.suppress(apsw.Error):
            connection.close()
        raise
    return connection


def _by_seq(said: Iterable[Said]) -> dict[int, list[Said]]:
    found: dict[int, list[Said]] = {}
    for one in said:
        found.setdefault(one.seq, []).append(one)
    return found


def _matched(word: str) -> str:
    """It may go on. A single character is too little for that: it would find nearly everything."""
    spaced = _spaced(word).strip()
    quoted = spaced.replace('"', '""')
    last = spaced[spaced.rfind(" ") + 1 :]
    return f'"{quoted}"*' if sum(map(str.isalnum, last)) > 1 else f'"{quoted}"'


def _spaced(text: str) -> str:
    return UNSPACED.sub(r" \1 ", plain(text))

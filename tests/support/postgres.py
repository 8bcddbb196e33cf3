"""A PostgreSQL of the tests' own, in a folder of theirs, reached by a socket: one per process of pytest, a database per test."""

from __future__ import annotations

import contextlib
import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest

from host.registry.where import VERSION
from tests.support.waiting import DEADLINE, until

PLACES = Path("/usr/lib/postgresql")  # Debian's: a folder per version
OWNER = "nobody"  # whose the server is where tests run as root, which it refuses
# As a host of the next version leaves the tables where it lets one of this version serve from them.
NEWER = f"""
DO $$ DECLARE one text; BEGIN
    FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
        EXECUTE format('ALTER TABLE %I ADD COLUMN later text NOT NULL DEFAULT %L', one, 'x');
    END LOOP;
END $$;
UPDATE leader SET version = {VERSION + 1}, oldest = {VERSION}
"""
_numbers = itertools.count(1)


def programs() -> Path:
    """The newest server's; skips the test without one or without its library, or fails it where both were promised."""
    found = sorted(PLACES.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    library = importlib.util.find_spec("psycopg")
    if found and library is not None:
        return found[-1].parent
    reason = (
        "PostgreSQL and the extra `cluster` are not both here (Debian: postgresql; requirements-cluster.lock)"
    )
    if os.environ.get("DOVECOTE_REQUIRE_POSTGRESQL") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


class Server:
    """Its folder is short: the address of a socket holds 107 bytes. `of` another: a standby that has what that one has now."""

    def __init__(self, folder: Path, of: Server | None = None) -> None:
        self.folder = folder
        self._programs = programs()
        self._process: subprocess.Popen[bytes] | None = None
        self._as: list[str] = []
        if os.getuid() == 0:
            owner = pwd.getpwnam(OWNER)
            os.chown(folder, owner.pw_uid, owner.pw_gid)
            self._as = ["setpriv", f"--reuid={OWNER}", f"--regid={owner.pw_gid}", "--clear-groups"]
        if of is not None:
            self._run("pg_basebackup", *of._here(), "-c", "fast", "-D", str(folder / "data"), "--no-sync")
            (folder / "data" / "standby.signal").touch()
            return
        options = ["-U", "dovecote", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
        self._run("initdb", "-D", str(folder / "data"), *options)

    def start(self, *settings: str) -> None:
        command = [*self._as, str(self._programs / "postgres"), "-D", str(self.folder / "data")]
        command += ["-k", str(self.folder), "-c", "listen_addresses=", "-c", "shared_buffers=16MB"]
        # On a loaded disk recovery takes tens of seconds where it syncs each file by itself.
        command += ["-c", "recovery_init_sync_method=syncfs"]
        command += [part for setting in settings for part in ("-c", setting)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        until(self._answers)

    def stop(self) -> None:
        """As by a power failure: without a word to anybody, and nothing is written down first."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(signal.SIGQUIT)
            process.wait(DEADLINE)

    def url(self, database: str) -> str:
        return f"postgresql://dovecote@/{database}?host={self.folder}"

    def database(self, *options: str, name: str = "") -> str:
        """A new one; its address. `options` are createdb's."""
        name = name or f"d{next(_numbers)}"
        self._run("createdb", *self._here(), "-T", "template0", *options, name)
        return self.url(name)

    def dumped(self, url: str, name: str) -> Path:
        """As an administrator copies a database."""
        file = self.folder / name
        self._run("pg_dump", "-Fc", "-f", str(file), "-d", url)
        return file

    def put_back(self, dump: Path) -> str:
        """Into a new database; its address."""
        url = self.database()
        self._run("pg_restore", "--exit-on-error", "-d", url, str(dump))
        return url

    def says(self, url: str, sql: str) -> str:
        """What a statement of somebody else's answers, without headings."""
        return self._run("psql", "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", url, "-c", sql).strip()

    def dump(self) -> str:
        """All that is in it, as statements."""
        return self._run("pg_dumpall", *self._here())

    def cut_off(self, url: str) -> None:
        """Whoever else is connected to the database, as by a network that is gone."""
        self.says(
            url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )

    def processor(self) -> float:
        """Seconds of a processor that it has used until now, its processes' together."""
        assert self._process is not None
        parent = self._process.pid
        ticks = sum(_times(parent))  # with those of processes that ended
        for process in Path(f"/proc/{parent}/task/{parent}/children").read_text().split():
            ticks += sum(_times(int(process))[:2])
        return ticks / os.sysconf("SC_CLK_TCK")

    def _here(self) -> list[str]:
        return ["-h", str(self.folder), "-U", "dovecote"]

    def _answers(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            raise RuntimeError((self.folder / "log").read_text(errors="replace")[-2_000:])
        ready = [str(self._programs / "pg_isready"), "-q", *self._here()]
        return subprocess.run(ready, check=False, timeout=DEADLINE).returncode == 0

    def _run(self, program: str, *arguments: str) -> str:
        done = subprocess.run(
            [*self._as, str(self._programs / program), *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=DEADLINE,
        )
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout


def _times(process: int) -> Sequence[int]:
    """In ticks: user, system, and both of children that were waited for. Zeros once it is gone (proc(5))."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return (0, 0, 0, 0)
    return [int(field) for field in fields[11:15]]


class Line:
    """A wire to the server, cut once at a commit: before it arrives there, or when it is done and before that is told."""

    def __init__(self, server: Server, folder: Path) -> None:
        self.cut: Literal["", "before", "behind"] = ""
        self.next = server  # where the next connection leads
        self._server, self.folder = server, folder
        self._here = socket.socket(socket.AF_UNIX)
        self._here.bind(str(folder / ".s.PGSQL.5432"))
        self._here.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def url(self, database: str) -> str:
        """The database's address, by this wire."""
        return database.replace(f"host={self._server.folder}", f"host={self.folder}")

    def close(self) -> None:
        self._here.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._here.accept()
                behind = socket.socket(socket.AF_UNIX)
                behind.connect(str(self.next.folder / ".s.PGSQL.5432"))
                for one, other in ((client, behind), (behind, client)):
                    threading.Thread(
                        target=self._carry, args=(one, other, one is client), daemon=True
                    ).start()

    def _carry(self, one: socket.socket, other: socket.socket, from_client: bool) -> None:
        with contextlib.suppress(OSError):
            while data := one.recv(65_536):
                if from_client and self.cut and b"COMMIT\0" in data:
                    how, self.cut = self.cut, ""
                    self._end(one)
                    if how == "behind":
                        other.sendall(data)
                        return  # the answer finds nobody, and closes the rest
                    break
                other.sendall(data)
        self._end(one, other)

    def _end(self, *sockets: socket.socket) -> None:
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


@contextmanager
def server(of: Server | None = None) -> Iterator[Server]:
    """One that has begun."""
    programs()
    folder = Path(tempfile.mkdtemp(prefix="dovecote-pg-", dir="/tmp"))
    try:
        made = Server(folder, of)
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """Shared: who stops it, starts it again."""
    with server() as made:
        yield made

"""The first process of a container: what it gives up for all after it, and how it ends as its runner does."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest

from tests.support.waiting import DEADLINE

TRY = """
import os, sys
from runner import first
first.give_up()
ring = "import ctypes, sys; c = ctypes.CDLL(None, use_errno=True); print(c.syscall({}, 0, 0), ctypes.get_errno())"
for number in (425, 426, 427, 39):
    os.spawnlp(os.P_WAIT, sys.executable, sys.executable, "-c", ring.format(number))
"""
WITHOUT_TLS = """
import sys
from runner import first
first.without_tls()
import asyncio
from runner import __main__
assert "ssl" not in sys.modules and "_ssl" not in sys.modules
async def talk():
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    assert await reader.read() == b""
    process = await asyncio.create_subprocess_exec("true")
    assert await process.wait() == 0
    writer.close()
    server.close()
asyncio.run(talk())
import ssl
print(ssl.create_default_context().check_hostname)
"""
WAIT = """
import os, signal, sys
from runner import first
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
child = os.fork()
if child == 0:
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGTERM])
    {child}
    os._exit(7)
sys.exit(first._until_its_end(child))
"""


def run(program: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", program]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)


def test_no_child_makes_an_io_uring_and_other_calls_are_untouched() -> None:
    *rings, other = run(TRY).stdout.splitlines()

    assert rings == [f"-1 {errno.ENOSYS}"] * 3
    assert not other.startswith("-1")


def test_a_loop_without_tls_does_all_else_and_who_asks_for_ssl_gets_it() -> None:
    done = run(WITHOUT_TLS)
    assert (done.stdout, done.stderr) == ("True\n", "")


@pytest.mark.parametrize(
    ("child", "code"),
    [
        ("pass", 7),
        ("os.kill(os.getpid(), signal.SIGKILL)", 137),
        ("os.fork() or os._exit(3)", 7),  # of whom nobody else hears
        ("os.kill(os.getppid(), signal.SIGTERM); signal.pause()", 143),  # is passed on
    ],
)
def test_it_ends_as_its_runner_does(child: str, code: int) -> None:
    assert run(WAIT.format(child=child)).returncode == code


def test_where_there_is_no_container_it_is_the_runner() -> None:
    command = [sys.executable, "-m", "runner.first"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False, env={})

    assert ended.returncode == 2
    assert "DOVECOTE" in ended.stderr

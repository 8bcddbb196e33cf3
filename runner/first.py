"""`python -m runner.first`: the first process of a container, which all others in it descend from.

It gives up what nobody in a container may do, for itself and all that come after it, has the runner as its child, passes on
signals and waits for whoever nobody else waits for. Where it is not the first, there is no container to keep, and it is the
runner.

An engine's own filter of calls is not relied on: older ones let a container make an io_uring, in which files stay open that
no process has, and the disk quota counts what processes have.
"""

from __future__ import annotations

import ctypes
import errno
import os
import signal
import struct
import sys

from runner import leash
from runner.leaving import leave

FIRST = 1  # its number in a namespace of its own

# io_uring_setup, _enter and _register have the same numbers on every machine; those of x32 have a bit more.
RING_FIRST, RING_LAST, X32 = 425, 427, 0x4000_0000

_NO_NEW_PRIVILEGES, _SECCOMP, _FILTER = 38, 22, 2  # of prctl
_LOAD, _AND, _AT_LEAST, _MORE, _RETURN = 0x20, 0x54, 0x35, 0x25, 0x06  # of a filter's little machine
_ALLOW, _REFUSE = 0x7FFF_0000, 0x0005_0000

_STEPS = (
    (_LOAD, 0, 0, 0),  # the number of the call
    (_AND, 0, 0, 0xFFFF_FFFF ^ X32),
    (_AT_LEAST, 0, 2, RING_FIRST),
    (_MORE, 1, 0, RING_LAST),
    (_RETURN, 0, 0, _REFUSE | errno.ENOSYS),  # as a kernel without it: libraries take another way
    (_RETURN, 0, 0, _ALLOW),
)

_PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))


def main() -> int:
    if os.getpid() != FIRST:
        return _runner()
    try:
        give_up()
    except OSError as error:
        return _refused(f"the kernel lets no container give up io_uring ({error.strerror})")
    signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)  # until there is somebody to pass them on to
    leased = os.environ.pop(leash.LEASED, "")
    if (child := os.fork()) == 0:
        os.setpgid(0, 0)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
        without_tls()
        return _runner()
    os.environ[leash.LEASED] = leased
    leash.watch(leash.end_container)
    return _until_its_end(child)


def give_up() -> None:
    """From now on this process and its children make no io_uring. Nobody takes it back. Raises `OSError`."""
    steps = b"".join(struct.pack("=HBBI", *step) for step in _STEPS)
    program = _Program(len(_STEPS), steps)
    _prctl(_NO_NEW_PRIVILEGES, 1)
    _prctl(_SECCOMP, _FILTER, ctypes.addressof(program))


def without_tls() -> None:
    """Has asyncio do without OpenSSL, which takes 7 ms to read in: what goes out of a container goes by the gateway's socket, and
    no loop in it speaks TLS. Whoever asks for `ssl` after this gets it."""
    sys.modules["ssl"] = None  # type: ignore[assignment] # to import it fails
    import asyncio  # noqa: F401 - it looks for it once

    del sys.modules["ssl"]


def _prctl(option: int, *arguments: int) -> None:
    given = [ctypes.c_ulong(number) for number in (*arguments, 0, 0, 0, 0)[:4]]
    if ctypes.CDLL(None, use_errno=True).prctl(option, *given) != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def _until_its_end(child: int) -> int:
    """Its exit code, as a shell tells it."""
    for number in _PASSED_ON:
        signal.signal(number, lambda told, _: os.kill(child, told))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _PASSED_ON)
    while True:
        ended, status = os.wait()
        if ended == child:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code


def _runner() -> int:
    from runner import __main__  # of which the first process has no use

    return __main__.main()


def _refused(why: str) -> int:
    from runner import __main__

    sys.stderr.write(f"ERROR runner: {why}\n")
    return __main__.refuse(why)


if __name__ == "__main__":
    leave(main())

"""Disk that is used where it is hard to see: each is counted, and would not be without its wall."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest
from docker.models.containers import Container

from host.config import Limits
from host.folders import tree
from host.runners import quota
from host.runners.quota import Used, excess, measure
from tests.support.dockers import containers_of, docker_config, docker_serving, left_out
from tests.support.redteam import Seat, attack, walled
from tests.support.waiting import eventually

pytest_plugins = ["tests.support.engine"]
pytestmark = [pytest.mark.docker, attack(Seat.CONTAINER, 8)]

NOTHING = Used(0, 0, False)
MANY = 1_000_000
KEEP = """
import mmap, os, socket, subprocess, sys, threading
how = sys.argv[1]
files = []
for number in range(3):
    file = open("/workspace/large", "w+b")
    file.write(bytes(4_000_000))
    file.flush()
    if how == "mapped":
        files.append(mmap.mmap(file.fileno(), 4_000_000))
        file.close()
    else:
        files.append(file)
    os.unlink("/workspace/large")
if how == "in a child of nobody":
    if os.fork():
        os._exit(0)
    os.setsid()
if how == "as a thread":
    threading.Thread(target=threading.Event().wait).start()
open("/workspace/ready", "w").close()
threading.Event().wait()
"""


def shell(command: str) -> str:
    return f"@@call bash {json.dumps({'command': command})}\n"


def start(container: Container, how: str) -> None:
    container.exec_run(["python", "-c", KEEP, how], detach=True)
    code, _ = container.exec_run(["bash", "-c", "until [ -e /workspace/ready ]; do sleep 0.05; done"])
    assert code == 0


@walled
@pytest.mark.parametrize("how", ["open", "mapped", "in a child of nobody", "as a thread"])
async def test_a_file_that_is_deleted_and_kept_counts(
    tmp_path: Path, image: str, how: str, standing: bool
) -> None:
    async with docker_serving(docker_config(tmp_path, image)) as (_, bot):
        await bot.say("c", "hello")
        await bot.until(lambda: bot.said("c") == ["hello"])
        [container] = containers_of(tmp_path, image)
        start(container, how)
        container.reload()
        [work] = tmp_path.glob("sessions/*/work")
        used = measure([work], MANY, container.attrs["State"]["Pid"] if standing else 0)

    assert ("more than 8 MiB" in excess(Limits(disk_mb=8), NOTHING, used)) is standing


@walled
async def test_a_runner_that_keeps_deleted_files_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: str, standing: bool
) -> None:
    looks: list[Used] = []

    def by_names_alone(roots: Iterable[Path], most: int, _: int) -> Used:
        looks.append(measure(roots, most))
        return looks[-1]

    if not standing:
        monkeypatch.setattr(quota, "measure", by_names_alone)
    async with docker_serving(docker_config(tmp_path, image, runner={"limits": {"disk_mb": 8}})) as (_, bot):
        keep = f"cat >/tmp/keep.py <<'END'\n{KEEP}\nEND\npython /tmp/keep.py open"
        await bot.say("c", shell(keep))
        if standing:
            await bot.until(lambda: len(bot.said("c")) == 1)
            assert "more than 8 MiB" in bot.said("c")[0]
        else:
            await eventually(lambda: bool(list(tmp_path.glob("sessions/*/work/ready"))))
            seen = len(looks)
            await eventually(lambda: len(looks) > seen + 1)  # one begins after all is kept
            assert bot.said("c") == []
            assert len(containers_of(tmp_path, image)) == 1


RING = """
import ctypes
ring = ctypes.CDLL(None, use_errno=True).syscall(425, 8, ctypes.create_string_buffer(120))
print("made" if ring >= 0 else "refused")
"""


@walled
async def test_no_io_uring_keeps_files_where_no_process_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, image: str, standing: bool
) -> None:
    """Nor any that the first process could be made to make: it may no more than the others."""
    if not standing:  # another one is the first, and the engine's own filter, which may know of it, is away
        left_out(monkeypatch, init=True, security_opt=["seccomp=unconfined"])
    async with docker_serving(docker_config(tmp_path, image)) as (_, bot):
        await bot.say(
            "c", shell(f"python - <<'END'\n{RING}\nEND\ngrep -h Seccomp_filters /proc/{{1,self}}/status")
        )
        await bot.until(lambda: len(bot.said("c")) == 1)

    ring, _, first, _, own = bot.said("c")[0].split()
    assert (ring, first) == ("refused" if standing else "made", own)


DEEP = """
import os
os.chdir("/workspace")
for _ in range(500):
    os.mkdir("d")
    os.chdir("d")
with open("large", "wb") as file:
    file.write(bytes(12_000_000))
"""


def _down_to(depth: int) -> Callable[[Path], int]:
    """What the folders take as far as paths of that many parts go."""
    return lambda root: sum(p.lstat().st_size for p in root.rglob("*") if len(p.parts) <= depth)


@walled
async def test_what_lies_deeper_than_one_looks_counts(tmp_path: Path, image: str, standing: bool) -> None:
    async with docker_serving(docker_config(tmp_path, image)) as (_, bot):
        await bot.say("c", "hello")
        await bot.until(lambda: bot.said("c") == ["hello"])
        [container] = containers_of(tmp_path, image)
        assert container.exec_run(["python", "-c", DEEP])[0] == 0
        [work] = tmp_path.glob("sessions/*/work")
        size = measure([work], MANY).size if standing else _down_to(tree.MOST_OPEN)(work)
        container.exec_run(["rm", "-rf", "/workspace/d"])

    assert (size > 8 * 1024**2) is standing


@walled
async def test_names_without_an_end_are_too_many(tmp_path: Path, image: str, standing: bool) -> None:
    """Empty files take no block, and a file system's inodes all the same."""
    async with docker_serving(docker_config(tmp_path, image)) as (_, bot):
        await bot.say("c", "hello")
        await bot.until(lambda: bot.said("c") == ["hello"])
        [container] = containers_of(tmp_path, image)
        assert container.exec_run(["bash", "-c", "cd /workspace; touch {1..300}"])[0] == 0
        [work] = tmp_path.glob("sessions/*/work")
        used = measure([work], MANY)

    limits = Limits(files=100) if standing else Limits(files=MANY)
    assert ("more than 100 files" in excess(limits, NOTHING, used)) is standing

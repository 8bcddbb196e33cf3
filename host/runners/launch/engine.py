"""The container engine itself: how it is reached, and what a look at it finds."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import docker
import requests
from docker.errors import DockerException, ImageNotFound

from host.config import Runner as Settings
from host.folders import ownership, unnamed
from host.runners.launch import binds
from host.runners.launch.examination import Examination
from host.runners.launch.labels import CONTRACT_LABEL

TIMEOUT = 60  # s for one request to the engine
MIB = 1024 * 1024
LOOK_LASTS = 10  # s a container gets to tell what it sees, once it was looked at itself
# It lives until it is told to end: what its processes hold is looked at meanwhile.
LOOK = (
    "trap over=1 TERM; cat /proc/sys/kernel/random/boot_id; stat -c '%i %u' /mark;"
    ' until [ "$over" ]; do sleep 0.1; done'
)
ENFORCE = Path("/sys/fs/selinux/enforce")
GONE = (requests.RequestException, DockerException, OSError)


def examine(settings: Settings, data: Path, *, thoroughly: bool) -> Examination:
    """Looks at the engine; `thoroughly` also starts a container that tells what it sees of this machine and the folder."""
    address = settings.engine or os.environ.get("DOCKER_HOST", "")
    found = Examination(address, image=settings.image)
    try:
        client = connect(settings.engine)
        told = client.info()
    except GONE as error:
        return replace(found, problem=f"does not answer ({type(error).__name__})")
    confined = any("name=selinux" in str(one) for one in told.get("SecurityOptions") or ())
    found = replace(
        found,
        version=str(told["ServerVersion"]),
        kernel=str(told["KernelVersion"]),
        selinux=confined and _enforcing(),
        labelled=settings.selinux,
    )
    try:
        spoken = client.images.get(settings.image).labels.get(CONTRACT_LABEL, "")
    except ImageNotFound:
        return found
    found = replace(found, spoken=spoken)
    return _look_inside(client, found, data.resolve()) if thoroughly else found


def _enforcing() -> bool:
    try:
        return ENFORCE.read_text().strip() == "1"
    except OSError:
        return False


def _look_inside(client: docker.DockerClient, found: Examination, data: Path) -> Examination:
    """By the folder's own number, so that nothing has to be written into it; before there is one, by its nearest ancestor.
    Neither is labelled for it.
    """
    place = next(path for path in (data, *data.parents) if path.is_dir())
    own = place.stat()
    try:
        looking = client.containers.run(
            found.image,
            ["-c", LOOK],
            entrypoint="bash",
            network_mode="none",
            **binds.options(
                [binds.Bind("/mark", place, read_only=True)], "disable" if found.labelled else ""
            ),
            user="0:0",  # the folder may be closed to everybody but its owner
            detach=True,
        )
        try:
            pid = int(client.api.inspect_container(str(looking.id))["State"]["Pid"])
            seen = unnamed.belongs(pid, str(looking.id)) and unnamed.visible(pid)
            looking.stop(timeout=LOOK_LASTS)
            printed: bytes = looking.logs()  # after its end: what is followed may lack the last line
        finally:
            looking.remove(force=True)
    except GONE as error:
        return replace(found, trouble=str(getattr(error, "explanation", None) or error)[:300])
    boot_id, _, rest = printed.decode().partition("\n")
    return replace(
        found, boot_id=boot_id, sees_data=rest.strip() == f"{own.st_ino} {own.st_uid}", seen_inside=seen
    )


def connect(address: str) -> docker.DockerClient:
    if address:
        return docker.DockerClient(base_url=address, timeout=TIMEOUT)
    return docker.from_env(timeout=TIMEOUT)


# A second of silence, as a voice message would lie there, given to the program as it is in a session.
SILENCE = """
import subprocess, sys, wave
with wave.open("/tmp/silence.wav", "wb") as sound:
    sound.setnchannels(1), sound.setsampwidth(2), sound.setframerate(16000)
    sound.writeframes(bytes(32000))
try:
    ended = subprocess.run([*sys.argv[2:], "/tmp/silence.wav"], timeout=float(sys.argv[1]), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
except subprocess.TimeoutExpired:
    sys.exit("took longer than " + sys.argv[1] + " s")
except OSError as error:
    sys.exit("could not be started: " + str(error.strerror))
if ended.returncode:
    last = ended.stderr.decode("utf-8", "replace").strip().splitlines()[-1:]
    sys.exit(": ".join(["ended with status " + str(ended.returncode), *last])[:300])
"""


def try_hearing(settings: Settings, command: Sequence[str], timeout: float, agent: Path | None) -> str:
    """What is wrong with the program that writes voice messages down, in a container as an agent has it; '' where it runs.
    `agent` is the agent's folder."""
    limits = settings.limits
    folder = [binds.Bind("/agent", agent.resolve(), read_only=True)] if agent else []
    uid, gid = ownership.container_ids()
    try:
        client = connect(settings.engine)
        trying = client.containers.run(
            settings.image,
            ["-c", SILENCE, f"{timeout:g}", *command],
            entrypoint="python3",
            network_mode="none",
            read_only=True,
            tmpfs={"/tmp": f"size={limits.temporary_mb}m,mode=1777,nosuid,nodev"},  # noqa: S108 - the container's
            working_dir="/tmp",  # noqa: S108 - it has no conversation
            user=f"{uid}:{gid}",
            cap_drop=["ALL"],
            mem_limit=limits.memory_mb * MIB,
            memswap_limit=limits.memory_mb * MIB,
            pids_limit=limits.pids,
            **binds.options(folder, settings.selinux),
            detach=True,
        )
        try:
            code = int(trying.wait(timeout=timeout + LOOK_LASTS)["StatusCode"])
            said = trying.logs().decode("utf-8", "replace").strip()
        finally:
            trying.remove(force=True)
    except GONE as error:
        return str(getattr(error, "explanation", None) or error)[:300]
    return "" if code == 0 else said.splitlines()[-1][:300] if said else f"ended with status {code}"

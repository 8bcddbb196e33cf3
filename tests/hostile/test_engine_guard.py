"""The engine behind a guard: the launcher works through it, and a host that was taken over asks it in vain for more."""

from __future__ import annotations

import contextlib
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from host.runners.launch import engine as looking
from tests.support.dockers import containers_of, docker_config, docker_serving
from tests.support.engine import ENGINE_TIMEOUT, Installation, guard_image, require_engine
from tests.support.redteam import Seat, attack, honest, walled
from tests.support.waiting import eventually

pytest_plugins = ["tests.support.engine"]
pytestmark = [pytest.mark.docker, pytest.mark.timeout(900), attack(Seat.LOCAL, 16)]

SOCKET = "/var/run/docker.sock"


@pytest.fixture(scope="module")
def home() -> Iterator[Path]:
    """A socket's path is short."""
    folder = Path(tempfile.mkdtemp(prefix="dv-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def guard(home: Path) -> Iterator[str]:
    """The address of a guarded engine, for a host that lives in `home`."""
    require_engine()
    (home / "engine").mkdir()
    own = Installation(require_engine(), guard_image())
    mounts = {home / "engine": "/run/engine:rw", Path(SOCKET): f"{SOCKET}:rw"}
    command = ("haproxy", "-W", "-db", "-f", "/etc/haproxy/haproxy.cfg")
    own.start(
        *command, mounts=mounts, read_only=True, cap_drop=["ALL"], environment={"DOVECOTE_HOME": str(home)}
    )
    try:
        yield f"unix://{home}/engine/docker.sock"
    finally:
        own.remove()


@pytest.fixture
async def client(guard: str) -> Any:
    def answers() -> bool:
        with contextlib.suppress(Exception):
            return bool(docker.DockerClient(base_url=guard, timeout=ENGINE_TIMEOUT).ping())
        return False

    await eventually(answers)
    return docker.DockerClient(base_url=guard, timeout=ENGINE_TIMEOUT)


@honest
@pytest.mark.usefixtures("client")
async def test_the_launcher_works_through_the_guard(home: Path, image: str, guard: str) -> None:
    settings = docker_config(home / "data", image, runner={"engine": guard})
    async with docker_serving(settings) as (host, bot):
        await bot.say("c", "hello")
        await bot.until(lambda: bot.said("c") == ["hello"])
        [life] = host.house.supervisor.lives.values()
        assert life.runner is not None
        await host.house.supervisor._launcher.hold(life.runner)
        assert [one.status for one in containers_of(home / "data", image)] == ["paused"]
        await host.house.supervisor._launcher.let_go(life.runner)
        await bot.say("c", "again")
        await bot.until(lambda: bot.said("c") == ["hello", "again"])
    found = looking.examine(settings.runner, home / "data", thoroughly=True)
    assert (found.problem, found.trouble, found.sees_data) == ("", "", True)


def made(image: str, home: Path, **host: Any) -> dict[str, Any]:
    mounts = [{"Type": "bind", "Source": f"{home}/data", "Target": "/data"}]
    config = {"NetworkMode": "none", "Mounts": mounts, **host}
    return {
        "Image": image,
        "Cmd": ["true"],
        "Labels": {"dovecote.installation": "guard-test"},
        "HostConfig": config,
    }


MORE: dict[str, dict[str, Any]] = {
    "privileges": {"Privileged": True},
    "privileges in other letters": {"pRIVILEGED": True},
    "the host's network": {"NetworkMode": "host"},
    "a network by a second key": {"networkmode": "host"},
    "the host's memory": {"IpcMode": "host"},
    "the host's processes": {"PidMode": "host"},
    "a folder of the machine": {"Binds": ["/:/host"]},
    "a folder of the machine as a mount": {"Mounts": [{"Type": "bind", "Source": "/", "Target": "/host"}]},
    "a folder above its own": {"Mounts": [{"Type": "bind", "Source": "HOME/../../etc", "Target": "/host"}]},
    "the engine's socket": {"Mounts": [{"Type": "bind", "Source": SOCKET, "Target": "/s"}]},
    "a device": {
        "Devices": [{"PathOnHost": "/dev/zero", "PathInContainer": "/dev/x", "CgroupPermissions": "r"}]
    },
    "a capability": {"CapAdd": ["SYS_ADMIN"]},
    "no filter of calls": {"SecurityOpt": ["seccomp=unconfined"]},
    "another one's files": {"VolumesFrom": []},
}


@walled
@pytest.mark.parametrize("what", MORE)
async def test_a_container_is_asked_for_with_more(
    client: Any, home: Path, image: str, what: str, standing: bool
) -> None:
    (home / "data").mkdir(exist_ok=True)
    asked = json.loads(json.dumps(MORE[what]).replace("HOME", str(home)))
    body = made(image, home, **asked)
    asked_of: Any = client if standing else require_engine()
    api = asked_of.api
    answer = api._post_json(api._url("/containers/create"), data=body)
    if answer.status_code == 201:
        require_engine().api.remove_container(answer.json()["Id"], force=True)
    assert (answer.status_code == 403) is standing, answer.text


ASKED = [
    ("POST", "/containers/x/exec"),
    ("POST", "/containers/x/update"),
    ("PUT", "/containers/x/archive?path=/"),
    ("GET", "/containers/x/archive?path=/etc/shadow"),
    ("GET", "/containers/x/export"),
    ("POST", "/containers/x/attach?stream=1"),
    ("GET", "/secrets"),
    ("GET", "/containers/x/../../images/json"),
    ("GET", "/containers/x%2fexec/json"),
]
CHANGES = [  # the engine of whoever runs this: it is not asked without the guard
    ("POST", "/images/create?fromImage=x"),
    ("POST", "/build"),
    ("POST", "/volumes/create"),
    ("POST", "/swarm/init"),
    ("DELETE", "/images/IMAGE"),
]


@walled
async def test_the_engine_is_asked_for_what_no_launcher_asks(client: Any, image: str, standing: bool) -> None:
    """Without the guard it looks for that container, or does it; what would change it is asked of the guard alone."""
    asked_of: Any = client if standing else require_engine()
    api = asked_of.api
    for method, path in [*ASKED, *CHANGES] if standing else ASKED:
        url = f"{api.base_url}{path.replace('IMAGE', image)}"
        with contextlib.closing(
            api.request(method, url, json={"Cmd": ["true"]} if method == "POST" else None)
        ) as answer:
            assert (answer.status_code in (400, 403)) is standing, (method, path, answer.text)


@walled
async def test_a_body_hides_a_word_from_whoever_looks(
    client: Any, home: Path, image: str, standing: bool
) -> None:
    """By escapes, by its size, or by coming piece by piece."""
    (home / "data").mkdir(exist_ok=True)
    body = json.dumps(made(image, home))
    asked_of: Any = client if standing else require_engine()
    api = asked_of.api
    kind = {"Content-Type": "application/json"}
    escaped = body.replace('"NetworkMode"', '"\\u0050rivileged": true, "NetworkMode"')
    late = f'{body[:-1]}, "X": "{"x" * 300_000}", "HostConfig": {{"Privileged": true}}}}'
    for sent in (escaped, late, iter([body.encode()])):
        answer = api.post(api._url("/containers/create"), data=sent, headers=kind)
        if answer.status_code == 201:
            container = require_engine().containers.get(answer.json()["Id"])
            container.remove(force=True)
            assert container.attrs["HostConfig"]["Privileged"] is isinstance(sent, str)
        assert (answer.status_code in (400, 403, 413)) is standing, answer.text


@walled
@pytest.mark.usefixtures("client")
async def test_nobody_else_of_the_machine_reaches_the_guard(guard: str, home: Path, standing: bool) -> None:
    """Where its configuration did not say whose the socket is, it would be everybody's."""
    socket = Path(guard.removeprefix("unix://"))
    if not standing:
        (home / "open").mkdir()
        socket = home / "open" / "docker.sock"
        config = "sed 's/ mode 600/ mode 666/' /etc/haproxy/haproxy.cfg >/tmp/open.cfg"
        command = ("sh", "-c", f"{config}; exec haproxy -db -f /tmp/open.cfg")
        own = Installation(require_engine(), guard_image())
        own.start(
            *command, mounts={home / "open": "/run/engine:rw"}, environment={"DOVECOTE_HOME": str(home)}
        )
        try:
            await eventually(socket.exists)
        finally:
            own.remove()
    assert (socket.stat().st_mode & 0o077 == 0) is standing

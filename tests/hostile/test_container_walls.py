"""What code inside a runner's container can reach: tried from there, with what the launcher gave it."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from docker.models.containers import Container

from host.ports.events import Author
from tests.fakes.model_api import FakeModelAPI, Usage, answer
from tests.support.dockers import containers_of, docker_config, docker_serving, left_out
from tests.support.redteam import Seat, attack, twin

pytest_plugins = ["tests.support.engine"]
pytestmark = [pytest.mark.docker, attack(Seat.CONTAINER, 9)]

KEY = "sk-ant-a-real-key-that-must-stay-outside"

PROBE = """
import json, os, pathlib, socket, sys
import apsw
found = {}
def attempt(name, act):
    try:
        found[name] = f"happened: {act()}"
    except Exception as error:
        found[name] = type(error).__name__
def insert():
    apsw.Connection("/session/inbound/inbound.db").execute("UPDATE session SET value = 'mine'")
def reach(*address):
    socket.create_connection(address, timeout=2).close()
def fill(path, size):
    with open(path, "wb") as out:
        for _ in range(size):
            out.write(bytes(1_000_000))
            out.flush()
def fork_until_refused():
    children = []
    try:
        for _ in range(200):
            child = os.fork()
            if child == 0:
                os.read(0, 1) or os.pause()
            children.append(child)
    finally:
        for child in children:
            os.kill(child, 9)
            os.waitpid(child, 0)
def files():
    return [open("/dev/null") for _ in range(500)]
inbound = pathlib.Path("/session/inbound")
import signal
os.pause = signal.pause
attempt("insert", insert)
attempt("truncate", lambda: (inbound / "inbound.db").write_bytes(b""))
attempt("unlink", lambda: (inbound / "inbound.db").unlink())
attempt("journal", lambda: (inbound / "inbound.db-journal").write_bytes(b"forged"))
attempt("bell", lambda: pathlib.Path("/session/gateway/to-host.bell").unlink())
attempt("root", lambda: pathlib.Path("/opt/venv/mark").write_text("x"))
attempt("others", lambda: os.listdir("/session/../sessions"))
for number, address in enumerate(json.loads(sys.argv[1])):
    attempt(f"network{number}", lambda: reach(*address))
attempt("names", lambda: socket.getaddrinfo("example.org", 443))
attempt("large", lambda: fill("/workspace/large", 20))
attempt("temporary", lambda: fill("/tmp/large", 20))
attempt("forks", fork_until_refused)
attempt("files", files)
attempt("mount", lambda: os.mknod("/tmp/device", 0o60600, os.makedev(8, 0)))
attempt("root user", lambda: os.setuid(0))
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
found["capabilities"] = status["CapEff"].strip() + status["CapBnd"].strip()
found["no new privileges"] = status["NoNewPrivs"].strip()
found["uid"] = os.getuid()
found["interfaces"] = sorted(os.listdir("/sys/class/net"))
print(json.dumps(found))
"""

HUNT = "cat /proc/*/environ /proc/*/cmdline 2>/dev/null; grep -ra sk-ant- /session /workspace /tmp; ls /session/gateway"

REFUSED = ("insert", "truncate", "unlink", "journal", "bell", "root", "others", "names", "mount", "root user")
EXHAUSTED = ("large", "temporary", "forks", "files")


@pytest.fixture
def listeners() -> Iterator[list[tuple[str, int]]]:
    """The test's own servers: on the host's loopback and on all its addresses, the engine's bridge among them."""
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as loop,
        closing(socket.create_server(("", 0))) as every,
    ):
        port = every.getsockname()[1]
        yield [loop.getsockname(), ("127.0.0.1", port), ("172.17.0.1", port), (own_address(), port)]


def own_address() -> str:
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # sends nothing, chooses a source address
            return str(probe.getsockname()[0])
        except OSError:
            return "127.0.0.1"


def probe(container: Container, listeners: list[tuple[str, int]]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(container, "python", "-c", PROBE, json.dumps(listeners)))
    return found


def run(container: Container, *command: str) -> str:
    printed = container.exec_run(list(command)).output
    assert isinstance(printed, bytes)
    return printed.decode()


async def test_code_in_the_container_gets_nowhere(
    tmp_path: Path, image: str, listeners: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    limits = {"largest_file_mb": 10, "temporary_mb": 8, "pids": 64, "open_files": 128}
    settings = docker_config(tmp_path, image, runner={"limits": limits})
    async with docker_serving(settings) as (_, bot):
        await bot.say("c", "hello")
        await bot.until(lambda: bot.said("c") == ["hello"])
        [container] = containers_of(tmp_path, image)
        found = probe(container, listeners)
        inspected = json.dumps(container.attrs)
        environment = run(container, "bash", "-c", "cat /proc/*/environ /proc/*/cmdline")
        await bot.say("c", "are you there?")
        await bot.until(lambda: bot.said("c") == ["hello", "are you there?"])

    for name in (*REFUSED, *EXHAUSTED, *(f"network{number}" for number in range(len(listeners)))):
        assert not str(found[name]).startswith("happened"), (name, found)
    assert set(found["capabilities"]) == {"0"}
    assert found["no new privileges"] == "1"
    assert found["uid"] != 0
    assert found["interfaces"] == ["lo"]
    assert KEY not in inspected
    assert KEY not in environment


ASK = """
import os, sys, anthropic, httpx2
transport = httpx2.HTTPTransport(uds="/session/gateway/gateway.sock")
client = anthropic.Anthropic(api_key="none", base_url="http://gateway", max_retries=0,
                             http_client=anthropic.DefaultHttpxClient(transport=transport))
try:
    with client.messages.stream(model=sys.argv[1], max_tokens=50, messages=[{"role": "user", "content": "coo"}]) as stream:
        print(stream.get_final_text())
except anthropic.APIStatusError as error:
    print(error.status_code, error.message)
"""


async def test_the_model_answers_through_the_gateway_and_the_key_stays_outside(
    tmp_path: Path, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    agents = {"default": {"models": ["claude-opus-5-5"], "budget_usd_per_day": 0.004}}
    async with FakeModelAPI(keys=[KEY]) as api:
        settings = docker_config(tmp_path, image, model={"base_url": api.base_url}, agents=agents)
        async with docker_serving(settings) as (_, bot):
            await bot.say("c", "hello")
            await bot.until(lambda: bot.said("c") == ["hello"])
            [container] = containers_of(tmp_path, image)

            async def ask(model: str) -> str:
                return await asyncio.to_thread(run, container, "python", "-c", ASK, model)

            answered = await ask("claude-opus-5-5")
            foreign = await ask("claude-sonnet-5-5")
            api.script(answer("coo", usage=Usage(input_tokens=800)))
            await ask("claude-opus-5-5")
            over = await ask("claude-opus-5-5")
            looked_at = json.dumps(container.attrs) + run(container, "bash", "-c", HUNT)
        files = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())

    assert answered == "coo\n"
    assert foreign.startswith("403 ")
    assert over.startswith("402 ")
    assert [request.headers.get("x-api-key") for request in api.requests] == [KEY, KEY]
    assert "gateway.sock" in looked_at
    assert KEY not in looked_at
    assert KEY.encode() not in files


async def test_the_shared_folder_of_another_scope_is_not_in_the_container(tmp_path: Path, image: str) -> None:
    async with docker_serving(docker_config(tmp_path, image)) as (_, bot):
        write = '@@call mock_append {"file": "secret", "line": "of the first channel", "shared": true}'
        await bot.say("one", write, author=Author("U1", "Ada"))
        await bot.until(lambda: len(bot.said("one")) == 1)
        await bot.say("two", "hello", author=Author("U2", "Grace"))
        await bot.until(lambda: len(bot.said("two")) == 1)
        second = next(c for c in containers_of(tmp_path, image) if "secret" not in run(c, "ls", "/shared"))
        hunt = run(
            second, "bash", "-c", "grep -rl 'of the first' /session /workspace /shared /tmp 2>/dev/null"
        )
        assert hunt == ""


EVERYTHING: dict[str, Any] = {
    "network_mode": "host",
    "hostname": None,
    "user": "0:0",
    "read_only": False,
    "cap_drop": None,
    "security_opt": None,
    "tmpfs": None,
    "ulimits": None,
    "pids_limit": None,
    "ipc_mode": None,
    "extra_hosts": {"example.org": "127.0.0.1"},  # the machine of a test may have nobody who knows names
}
KEY_FROM_WITHIN = """
import os, anthropic, sys
client = anthropic.Anthropic(base_url=sys.argv[1], max_retries=0)
with client.messages.stream(model="claude-sonnet-5-5", max_tokens=50, messages=[{"role": "user", "content": "coo"}]) as s:
    print(s.get_final_text())
"""


@twin(
    "test_code_in_the_container_gets_nowhere",
    "test_the_model_answers_through_the_gateway_and_the_key_stays_outside",
    "test_the_shared_folder_of_another_scope_is_not_in_the_container",
    "test_container_limits::test_a_symlink_leads_the_host_nowhere_and_the_only_socket_is_ones_own",
)
async def test_code_in_a_container_with_everything_gets_everywhere(
    tmp_path: Path, image: str, listeners: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As containers are often started: with the network, the key, the data folder, as root, without limits."""
    secret = tmp_path / "host.secret"
    secret.write_text("of the host")
    seen = [
        {"Type": "bind", "Source": str(tmp_path), "Target": place} for place in (str(tmp_path), "/sessions")
    ]
    limits = {"largest_file_mb": 1_000, "temporary_mb": 1_000, "pids": 4_096, "open_files": 100_000}
    async with FakeModelAPI(keys=[KEY]) as api:
        left_out(monkeypatch, {"ANTHROPIC_API_KEY": KEY}, mounts=seen, **EVERYTHING)
        async with docker_serving(docker_config(tmp_path, image, runner={"limits": limits})) as (_, bot):
            await bot.say("neighbour", "a word of the neighbour", author=Author("U2", "Grace"))
            await bot.until(lambda: len(bot.said("neighbour")) == 1)
            [container] = containers_of(tmp_path, image)
            look = (
                f"grep -rl 'of the neighbour' {tmp_path}/sessions; find {tmp_path} -type s;"
                f" ln -s {secret} /workspace/leak; cat /workspace/leak"
            )
            told = await asyncio.to_thread(run, container, "bash", "-c", look)
            hunted = json.dumps(container.attrs) + await asyncio.to_thread(run, container, "bash", "-c", HUNT)
            answered = await asyncio.to_thread(run, container, "python", "-c", KEY_FROM_WITHIN, api.base_url)
            found = await asyncio.to_thread(probe, container, listeners)

    for name in (*REFUSED, *EXHAUSTED, *(f"network{number}" for number in range(len(listeners)))):
        assert str(found[name]).startswith("happened"), (name, found)
    assert set(found["capabilities"]) != {"0"}
    assert found["no new privileges"] == "0"
    assert found["uid"] == 0
    assert found["interfaces"] != ["lo"]
    assert KEY in hunted
    assert answered.strip() == "coo"  # a model that is not the agent's, and no budget
    assert "outbound.db" in told
    assert "gateway.sock" in told
    assert "of the host" in told

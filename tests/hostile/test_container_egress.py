"""The two ways by which something of the outside may come into a container: listed hosts, and what a vault gives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from host.gateway.onecli import OneCLICredentials
from tests.fakes.internet import FakeInternet, Website
from tests.fakes.model_api import FakeModelAPI
from tests.fakes.onecli import CredentialStub, FakeOneCLI, Secret
from tests.support.dockers import containers_of, docker_config, docker_serving
from tests.support.redteam import Seat, attack

pytest_plugins = ["tests.support.engine"]
pytestmark = [pytest.mark.docker, attack(Seat.CONTAINER, 9)]

HOST = "files.example.com"


def shell(*commands: str) -> str:
    """A message that has the mock run the commands with its bash tool and answer with what they print."""
    return "".join(
        f"@@call bash {json.dumps({'command': command, 'timeout_seconds': 60})}\n" for command in commands
    )


async def test_programs_in_the_container_reach_listed_hosts_and_nothing_else(
    tmp_path: Path, image: str
) -> None:
    internet = FakeInternet()
    internet.names["inside.example.com"] = ["127.0.0.1"]
    agents = {"default": {"network": {"allow": [HOST, "inside.example.com"]}}}
    async with Website(HOST, internet) as website:
        internet.listening["127.0.0.1"] = internet.listening[internet.names[HOST][0]]
        fetch = f"printf '%s' '{website.authority.pem}' > /tmp/ca.pem; curl -sS --cacert /tmp/ca.pem https://"
        commands = (
            f"{fetch}{HOST}/one",
            f"{fetch}other.example.com/two 2>&1",
            f"{fetch}inside.example.com/three 2>&1",
            f"curl -sS --noproxy '*' https://{HOST}/four 2>&1",
            f"curl -sS http://{HOST}/five",
        )
        settings = docker_config(tmp_path, image, agents=agents)
        async with docker_serving(settings, reach=internet) as (_, bot):
            await bot.say("c", shell(*commands))
            await bot.until(lambda: len(bot.said("c")) == 1)

    said = bot.said("c")[0].split("\n")
    assert said[0] == f"hello from {HOST}, 0 bytes came"
    assert "403" in said[1]
    assert website.paths == ["/one"]
    assert set(internet.resolved) == {HOST, "inside.example.com"}
    assert [address for address, _ in internet.dialled] == internet.names[HOST]


async def test_a_container_of_an_agent_without_a_list_has_no_way_out(tmp_path: Path, image: str) -> None:
    ask = "curl -sS --unix-socket /session/gateway/gateway.sock http://x/ -o /dev/null -w '%{http_code}'"
    tunnel = f"""python - <<'END'
import socket
s = socket.socket(socket.AF_UNIX)
s.connect("/session/gateway/gateway.sock")
s.sendall(b"CONNECT {HOST}:443 HTTP/1.1\\r\\n\\r\\n")
print(s.recv(100).split(b"\\r\\n")[0].decode())
END"""
    internet = FakeInternet()
    async with (
        Website(HOST, internet),
        docker_serving(docker_config(tmp_path, image), reach=internet) as (_, bot),
    ):
        await bot.say("c", shell("env | grep -ci _proxy=", ask, tunnel))
        await bot.until(lambda: len(bot.said("c")) == 1)

    assert "HTTP/1.1 403 Forbidden" in bot.said("c")[0]
    assert "404" in bot.said("c")[0]
    assert bot.said("c")[0].startswith("0")
    assert internet.resolved == []


async def test_a_vault_gives_a_container_its_certificate_and_placeholders_and_nothing_else(
    tmp_path: Path, image: str
) -> None:
    async with FakeModelAPI() as upstream, FakeOneCLI() as vault:
        host = "code.example.com"
        vault.add_secret(Secret(host, "ghp-placeholder", "ghp-real", upstream.base_url, "GH_TOKEN"))
        vault.stubs.append(CredentialStub("/home/agent/.netrc", "machine example.com login placeholder"))
        agents = {"pigeon": {"network": {"allow": [host]}}}
        settings = docker_config(tmp_path, image, agents=agents, routes=[{"agent": "pigeon"}])
        credentials = OneCLICredentials(vault.base_url, {"ONECLI_API_KEY": vault.api_key})
        async with docker_serving(settings, credentials=credentials) as (_, bot):
            curl = f'curl -sS --cacert "$SSL_CERT_FILE" -H "x-api-key: $GH_TOKEN" https://{host}/v1/models'
            forge = 'echo x > "$SSL_CERT_FILE" || echo x > /home/agent/.netrc || echo read-only'
            await bot.say("c", shell(f"{curl} -o /dev/null", "cat /home/agent/.netrc", forge))
            await bot.until(lambda: len(bot.said("c")) == 1)
            [container] = containers_of(tmp_path, image)
            hunt = "cat /proc/*/environ /proc/*/cmdline; cat /tmp/*.pem /session/gateway/vault/* /home/agent/.netrc"
            looked = container.exec_run(["bash", "-c", hunt]).output
            assert isinstance(looked, bytes)
            seen = json.dumps(container.attrs) + looked.decode()
            token = vault.agents["pigeon"].token

    assert "machine example.com" in bot.said("c")[0]
    assert bot.said("c")[0].endswith("read-only")
    [forwarded] = vault.forwarded
    assert (forwarded.agent, forwarded.sent_headers["x-api-key"]) == ("pigeon", "ghp-real")
    assert "BEGIN CERTIFICATE" in seen
    assert "ghp-placeholder" in seen
    for secret in (token, "ghp-real", vault.api_key):
        assert secret not in seen

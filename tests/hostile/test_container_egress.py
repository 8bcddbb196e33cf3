"""The two ways by which something of the outside may come into a container: listed hosts, and what a vault gives."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from host.gateway import egress
from host.gateway.credentials import Equipment
from host.gateway.onecli import OneCLICredentials, _Answer, _Known
from tests.fakes.internet import FakeInternet, Website
from tests.fakes.model_api import FakeModelAPI
from tests.fakes.onecli import CredentialStub, FakeOneCLI, Secret
from tests.support.dockers import containers_of, docker_config, docker_serving, left_out
from tests.support.redteam import Seat, attack, twin

pytest_plugins = ["tests.support.engine"]
pytestmark = [pytest.mark.docker, attack(Seat.CONTAINER, 9)]

HOST = "files.example.com"
TUNNEL = f"""python - <<'END'
import socket
s = socket.socket(socket.AF_UNIX)
s.connect("/session/gateway/gateway.sock")
s.sendall(b"CONNECT {HOST}:443 HTTP/1.1\\r\\n\\r\\n")
print(s.recv(100).split(b"\\r\\n")[0].decode())
END"""


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
    internet = FakeInternet()
    async with (
        Website(HOST, internet),
        docker_serving(docker_config(tmp_path, image), reach=internet) as (_, bot),
    ):
        await bot.say("c", shell("env | grep -ci _proxy=", ask, TUNNEL))
        await bot.until(lambda: len(bot.said("c")) == 1)

    assert "HTTP/1.1 403 Forbidden" in bot.said("c")[0]
    assert "404" in bot.said("c")[0]
    assert bot.said("c")[0].startswith("0")
    assert internet.resolved == []


@twin(
    "test_programs_in_the_container_reach_listed_hosts_and_nothing_else",
    "test_a_container_of_an_agent_without_a_list_has_no_way_out",
)
async def test_a_container_with_a_network_and_a_list_of_everything_reaches_it(
    tmp_path: Path, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is listed is reached, inside where nobody looks at addresses, and with a network what no list names."""
    monkeypatch.setattr(egress, "is_global", lambda _: True)
    left_out(monkeypatch, network_mode="host", hostname=None)
    internet = FakeInternet()
    internet.names["inside.example.com"] = ["127.0.0.1"]
    agents = {"default": {"network": {"allow": [HOST, "other.example.com", "inside.example.com"]}}}
    async with Website(HOST, internet) as website:
        internet.names["other.example.com"] = internet.names[HOST]
        port = internet.listening["127.0.0.1"] = internet.listening[internet.names[HOST][0]]
        commands = (
            "curl -sSk https://other.example.com/two",
            "curl -sSk https://inside.example.com/three",
            f"curl -sSk --noproxy '*' --connect-to ::127.0.0.1:{port} https://{HOST}/four",
            "env | grep -ci _proxy=",
            TUNNEL,
        )
        settings = docker_config(tmp_path, image, agents=agents)
        async with docker_serving(settings, reach=internet) as (_, bot):
            await bot.say("c", shell(*commands))
            await bot.until(lambda: len(bot.said("c")) == 1)

    said = bot.said("c")[0]
    assert website.paths == ["/two", "/three", "/four"], said
    assert ("127.0.0.1", 443) in internet.dialled
    assert "HTTP/1.1 200" in said


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


class Trusting(OneCLICredentials):
    """Hands on whatever the vault says."""

    def _understood(self, answer: _Answer) -> _Known:
        known = super()._understood(answer)
        return replace(known, equipment=Equipment(dict(answer.env), known.equipment.files))


@twin("test_a_vault_gives_a_container_its_certificate_and_placeholders_and_nothing_else")
async def test_a_vaults_own_words_hold_the_token_of_its_proxy(tmp_path: Path, image: str) -> None:
    async with FakeOneCLI() as vault:
        credentials = Trusting(vault.base_url, {"ONECLI_API_KEY": vault.api_key})
        settings = docker_config(tmp_path, image, agents={"pigeon": {}}, routes=[{"agent": "pigeon"}])
        async with docker_serving(settings, credentials=credentials) as (_, bot):
            await bot.say("c", "hello")
            await bot.until(lambda: len(bot.said("c")) == 1)
            [container] = containers_of(tmp_path, image)
            looked = container.exec_run(["bash", "-c", "cat /proc/*/environ"]).output
            token = vault.agents["pigeon"].token

    assert token.encode() in looked
    assert token in json.dumps(container.attrs)

"""The credential vault behind the gateway: a fake OneCLI over HTTP, its proxy and its certificates included."""

from __future__ import annotations

import asyncio
import dataclasses
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import anthropic
import httpx2
import pytest

from host.gateway.credentials import NoCredential
from host.gateway.onecli import OneCLICredentials
from host.gateway.server import GatewayError, Provisions
from host.runners import sweep
from runner import egress
from tests.fakes.internet import Website
from tests.fakes.onecli import CA_CONTAINER_PATH, CredentialStub, Drop, FakeOneCLI, Secret, Status
from tests.support.asking import PATIENCE, ask
from tests.support.gateway_bench import GatewayBench
from tests.support.hosting import config, serving

API = "api.anthropic.com"
PLACEHOLDER = "sk-ant-placeholder"
REAL = {"base_url": f"https://{API}"}


@pytest.fixture
async def vault(bench: GatewayBench) -> AsyncIterator[FakeOneCLI]:
    """The vault; the bench's gateway takes its credentials there."""
    async with FakeOneCLI() as running:
        running.add_secret(Secret(API, PLACEHOLDER, bench.api.key, bench.api.base_url, "ANTHROPIC_API_KEY"))
        bench.agent = "pigeon"  # the vault has a "default" of its own
        bench.credentials = credentials(running)
        yield running


def credentials(vault: FakeOneCLI, key: str | None = None) -> OneCLICredentials:
    return OneCLICredentials(vault.base_url, {"ONECLI_API_KEY": vault.api_key if key is None else key})


async def provisions(bench: GatewayBench, thread: str = "1") -> Provisions:
    return await bench.gateway.equip(await bench.session(thread))


async def test_a_model_request_goes_by_the_vault_which_alone_knows_the_key(
    bench: GatewayBench, vault: FakeOneCLI
) -> None:
    await bench.start(model=REAL)
    client = await bench.client()

    async with client.beta.messages.stream(**ask("who goes there?")) as stream:
        said = "".join([piece async for piece in stream.text_stream])
    await client.messages.create(**ask("and again"))

    assert said == "who goes there?"
    assert {(one.agent, one.host, one.path) for one in vault.forwarded} == {("pigeon", API, "/v1/messages")}
    assert vault.forwarded[0].received_headers["x-api-key"] == PLACEHOLDER
    assert {request.headers["x-api-key"] for request in bench.api.requests} == {bench.api.key}
    assert len(await bench.usage()) == 2
    assert [call.path for call in vault.calls] == ["/v1/agents", "/v1/container-config"]


async def test_a_container_gets_placeholders_and_certificates_but_no_token(
    bench: GatewayBench, vault: FakeOneCLI
) -> None:
    vault.stubs.append(CredentialStub("/home/agent/.netrc", "machine example.com"))
    await bench.start(model=REAL)

    given = await provisions(bench)

    token = vault.agents["pigeon"].token
    assert given.environment["ANTHROPIC_API_KEY"] == PLACEHOLDER
    assert given.environment["SSL_CERT_FILE"] == CA_CONTAINER_PATH
    assert not [name for name in given.environment if name.lower().endswith("_proxy") and "NODE" not in name]
    assert {path: file.read_text() for path, file in given.files.items()} == {
        CA_CONTAINER_PATH: vault.authority.pem,
        "/home/agent/.netrc": "machine example.com",
    }
    shown = str(given.environment) + "".join(file.read_text() for file in given.files.values())
    assert token not in shown
    assert bench.api.key not in shown


async def test_sessions_that_start_at_once_have_files_of_their_own(
    bench: GatewayBench, vault: FakeOneCLI
) -> None:
    await bench.start(model=REAL)

    given = await asyncio.gather(*(provisions(bench, str(thread)) for thread in range(5)))

    files = [one.files[CA_CONTAINER_PATH] for one in given]
    assert len(set(files)) == 5
    assert {file.read_text() for file in files} == {vault.authority.pem}
    assert [call.path for call in vault.calls].count("/v1/agents") == 1


async def test_an_agent_that_exists_is_as_good_as_one_that_was_made(
    bench: GatewayBench, vault: FakeOneCLI
) -> None:
    vault.add_agent("pigeon")
    await bench.start(model=REAL)

    assert (await provisions(bench)).files

    del vault.agents["pigeon"]
    assert (await provisions(bench)).files
    assert "pigeon" in vault.agents


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Drop(), "does not answer"),
        (Status(500), "not ready (500)"),
        (Status(503), "not ready (503)"),
        (Status(429), "patience"),
    ],
)
async def test_a_vault_in_trouble_may_be_better_the_next_time(
    bench: GatewayBench, vault: FakeOneCLI, fault: Drop | Status, words: str
) -> None:
    await bench.start(model=REAL)
    vault.fail_next(fault)

    with pytest.raises(GatewayError, match=words.replace("(", r"\(").replace(")", r"\)")) as failed:
        await provisions(bench)

    assert failed.value.transient
    assert (await provisions(bench)).files


async def refusal(of: OneCLICredentials) -> str:
    with pytest.raises(NoCredential) as refused:
        await of.equip("pigeon")
    assert not refused.value.transient
    await of.close()
    return str(refused.value)


async def test_a_refusal_says_what_to_do() -> None:
    async with FakeOneCLI(quota=0) as vault:
        assert "raise its quota" in await refusal(credentials(vault))
        vault.quota = None
        assert "correct ONECLI_API_KEY" in await refusal(credentials(vault, "wrong"))
        assert "no ONECLI_API_KEY" in await refusal(credentials(vault, ""))
        vault.fail_next(Status(402, "PAYMENT_REQUIRED"))
        assert "(402)" in await refusal(credentials(vault))
        for path in ("/session/inbound/x", "relative", "/a/../workspace/x", "/workspace/.netrc"):
            vault.stubs = [CredentialStub(path, "x")]
            assert path in await refusal(credentials(vault))


async def test_a_token_that_was_replaced_is_fetched_anew(bench: GatewayBench, vault: FakeOneCLI) -> None:
    await bench.start(model=REAL)
    client = await bench.client()
    await provisions(bench)
    vault.agents["pigeon"] = dataclasses.replace(vault.agents["pigeon"], token="aoc_replaced")

    with pytest.raises(anthropic.APIStatusError, match="407"):
        await client.messages.create(**ask("the old token"))
    message = await client.messages.create(**ask("after"))

    assert message.stop_reason == "end_turn"
    assert len(await bench.usage()) == 1


async def test_a_tunnel_goes_by_the_vault_and_keeps_to_the_list(
    bench: GatewayBench, vault: FakeOneCLI
) -> None:
    async with Website("unused.example.com", bench.internet) as website:
        upstream = f"http://127.0.0.1:{bench.api.base_url.rsplit(':', 1)[1]}"
        vault.add_secret(Secret("code.example.com", "ghp-placeholder", "ghp-real", upstream, "GH_TOKEN"))
        await bench.start(model=REAL, network={"allow": ["code.example.com"]})
        trust = ssl.create_default_context(cadata=vault.authority.pem)
        session = await bench.session()
        async with egress.proxy(session.folder.gateway_socket) as variables:
            way = variables["HTTPS_PROXY"]
            async with httpx2.AsyncClient(
                proxy=way, verify=trust, trust_env=False, timeout=PATIENCE
            ) as client:
                await client.get("https://code.example.com/x", headers={"authorization": "ghp-placeholder"})
                with pytest.raises(httpx2.ProxyError, match="403"):
                    await client.get(f"https://{website.name}/")

    [forwarded] = vault.forwarded
    assert (forwarded.agent, forwarded.host) == ("pigeon", "code.example.com")
    assert forwarded.sent_headers["Authorization"] == "ghp-real"
    assert bench.internet.dialled == []


async def test_messages_wait_while_the_vault_is_away_and_people_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "START_BACKOFF", 50)
    async with FakeOneCLI() as vault:
        vault.down = True
        settings = config(tmp_path, host={"sweep_every": 0.1})
        async with serving(settings, credentials=credentials(vault)) as (_, bot):
            await bot.say("c", "hello")
            await bot.until(lambda: any("OneCLI does not answer" in said for said in bot.said("c")))
            vault.down = False
            await bot.until(lambda: bot.said("c")[-1] == "hello")

    assert ["your message waits" in said for said in bot.said("c")] == [True, False]


async def test_a_refusal_of_the_vault_is_told_at_once(tmp_path: Path) -> None:
    async with FakeOneCLI(quota=0) as vault:
        pigeon = {"agents": {"pigeon": {}}, "routes": [{"agent": "pigeon"}]}
        settings = config(tmp_path, host={"sweep_every": 0.1}, **pigeon)
        async with serving(settings, credentials=credentials(vault)) as (_, bot):
            await bot.say("c", "hello")
            await bot.until(lambda: len(bot.said("c")) == 1)

    assert "raise its quota" in bot.said("c")[0]
    assert vault.api_key not in bot.said("c")[0]

"""The fake OneCLI vault: its API as hosts call it, its proxy as containers use it."""

import ssl
from collections.abc import AsyncIterator
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import AsyncAnthropic

from tests.fakes.certificates import CertificateAuthority
from tests.fakes.model_api import FakeModelAPI, answer
from tests.fakes.onecli import CA_CONTAINER_PATH, CredentialStub, Drop, FakeOneCLI, Secret, Status

HOST = "api.anthropic.com"
PLACEHOLDER = "sk-ant-placeholder"
QUESTION: dict[str, Any] = {
    "model": "claude-opus-5-5",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "Who goes there?"}],
}


@pytest.fixture
async def upstream() -> AsyncIterator[FakeModelAPI]:
    async with FakeModelAPI() as api:
        yield api


@pytest.fixture
async def vault(upstream: FakeModelAPI) -> AsyncIterator[FakeOneCLI]:
    async with FakeOneCLI() as running:
        running.add_secret(
            Secret(HOST, PLACEHOLDER, upstream.key, upstream.base_url, env="ANTHROPIC_API_KEY")
        )
        yield running


@pytest.fixture
async def host(vault: FakeOneCLI) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {vault.api_key}"}
    async with httpx2.AsyncClient(base_url=vault.base_url, headers=headers, trust_env=False) as client:
        yield client


def in_container(proxy: str, authority: str) -> AsyncAnthropic:
    """The SDK as it would run in a container that was given this proxy and certificate."""
    trust = ssl.create_default_context(cadata=authority)
    http = anthropic.DefaultAsyncHttpxClient(proxy=proxy, verify=trust, trust_env=False)
    return AsyncAnthropic(api_key=PLACEHOLDER, base_url=f"https://{HOST}", http_client=http, max_retries=0)


async def test_an_agent_is_created_once_and_then_exists(host: httpx2.AsyncClient, vault: FakeOneCLI) -> None:
    body = {"name": "Pigeon", "identifier": "pigeon-1"}

    assert [(await host.post("/v1/agents", json=body)).status_code for _ in range(2)] == [201, 409]
    assert vault.agents["pigeon-1"].name == "Pigeon"


@pytest.mark.parametrize("identifier", ["", "-a", "Pigeon", "a_b", "a" * 51])
async def test_an_identifier_out_of_form_is_refused(host: httpx2.AsyncClient, identifier: str) -> None:
    created = await host.post("/v1/agents", json={"name": "Pigeon", "identifier": identifier})

    assert created.status_code == 400


async def test_a_quota_refuses_new_agents_but_knows_old_ones(
    host: httpx2.AsyncClient, vault: FakeOneCLI
) -> None:
    vault.quota = 1
    vault.add_agent("first")

    async def create(identifier: str) -> int:
        body = {"name": identifier, "identifier": identifier}
        return (await host.post("/v1/agents", json=body)).status_code

    assert (await create("first"), await create("second")) == (409, 403)


async def test_the_configuration_holds_placeholders_and_the_agents_own_proxy_token(
    host: httpx2.AsyncClient, vault: FakeOneCLI, upstream: FakeModelAPI
) -> None:
    agents = [vault.add_agent(identifier) for identifier in ("one", "two")]
    vault.stubs.append(CredentialStub("/home/agent/.netrc", "machine example.com"))

    answers = [await host.get("/v1/container-config", params={"agent": agent.identifier}) for agent in agents]

    for agent, config in zip(agents, [sent.json() for sent in answers], strict=True):
        assert agent.token in config["env"]["HTTPS_PROXY"]
        assert config["env"]["ANTHROPIC_API_KEY"] == PLACEHOLDER
        assert config["caCertificateContainerPath"] == CA_CONTAINER_PATH
        assert config["env"]["SSL_CERT_FILE"] == CA_CONTAINER_PATH
        assert config["caCertificate"] == vault.authority.pem
        assert config["credentialStubs"] == [
            {"containerPath": "/home/agent/.netrc", "content": "machine example.com"}
        ]
    assert agents[0].token != agents[1].token
    assert all(upstream.key not in sent.text for sent in answers)


async def test_an_unknown_agent_is_named_as_such(host: httpx2.AsyncClient) -> None:
    missing = await host.get("/v1/container-config", params={"agent": "nobody"})

    assert (missing.status_code, missing.json()["error"]) == (404, "AGENT_NOT_FOUND")


async def test_a_vault_that_is_not_ready_says_503(host: httpx2.AsyncClient, vault: FakeOneCLI) -> None:
    vault.ready = False

    assert (await host.get("/v1/container-config")).status_code == 503


async def test_a_wrong_key_is_refused(vault: FakeOneCLI) -> None:
    async with httpx2.AsyncClient(base_url=vault.base_url, trust_env=False) as stranger:
        refused = await stranger.get("/v1/container-config", headers={"Authorization": "Bearer wrong"})

    assert refused.status_code == 401


async def test_faults_strike_one_call_each(host: httpx2.AsyncClient, vault: FakeOneCLI) -> None:
    vault.fail_next(Status(500), Status(402, "PAYMENT_REQUIRED"), Drop())

    assert (await host.get("/v1/container-config")).status_code == 500
    assert (await host.get("/v1/container-config")).json()["error"] == "PAYMENT_REQUIRED"
    with pytest.raises(httpx2.TransportError):
        await host.get("/v1/container-config")
    assert (await host.get("/v1/container-config")).status_code == 200


async def test_a_vault_that_is_down_answers_neither_host_nor_container(
    host: httpx2.AsyncClient, vault: FakeOneCLI
) -> None:
    vault.add_agent("one")
    vault.down = True

    with pytest.raises(httpx2.TransportError):
        await host.get("/v1/container-config")
    async with in_container(vault.proxy_url("one"), vault.authority.pem) as client:
        with pytest.raises(anthropic.APIConnectionError):
            await client.messages.create(**QUESTION)


async def test_the_proxy_swaps_the_placeholder_for_the_real_key_and_streams(
    vault: FakeOneCLI, upstream: FakeModelAPI
) -> None:
    vault.add_agent("one")
    upstream.script(answer("Friend or foe?"))

    async with in_container(vault.proxy_url("one"), vault.authority.pem) as client:
        async with client.beta.messages.stream(**QUESTION) as stream:
            said = [piece async for piece in stream.text_stream]
        again = await client.messages.create(**QUESTION)

    assert said == ["Friend", " or", " foe?"]
    assert again.stop_reason == "end_turn"
    first = vault.forwarded[0]
    assert (first.agent, first.host, first.path) == ("one", HOST, "/v1/messages")
    assert first.received_headers["Authorization"] == f"Bearer {PLACEHOLDER}"
    assert upstream.requests[0].headers["Authorization"] == f"Bearer {upstream.key}"


async def test_errors_of_the_upstream_pass_through(vault: FakeOneCLI, upstream: FakeModelAPI) -> None:
    async with in_container(vault.proxy_url("default"), vault.authority.pem) as client:
        with pytest.raises(anthropic.NotFoundError):
            await client.messages.create(**{**QUESTION, "model": "claude-extinct-1"})


async def test_the_proxy_turns_an_unknown_token_away(vault: FakeOneCLI, upstream: FakeModelAPI) -> None:
    proxy = f"http://x:forged@127.0.0.1:{vault.proxy_port}"

    async with in_container(proxy, vault.authority.pem) as client:
        with pytest.raises(anthropic.APIConnectionError) as refused:
            await client.messages.create(**QUESTION)

    assert "407" in str(refused.value.__cause__)
    assert upstream.requests == []


async def test_a_host_without_an_upstream_is_out_of_reach(vault: FakeOneCLI) -> None:
    trust = ssl.create_default_context(cadata=vault.authority.pem)
    proxy = vault.proxy_url("default")
    async with httpx2.AsyncClient(proxy=proxy, verify=trust, trust_env=False) as client:
        answered = await client.get("https://elsewhere.example/")

    assert answered.status_code == 502


async def test_a_client_that_trusts_another_authority_refuses_the_proxy(vault: FakeOneCLI) -> None:
    stranger = CertificateAuthority("Somebody else")

    async with in_container(vault.proxy_url("default"), stranger.pem) as client:
        with pytest.raises(anthropic.APIConnectionError) as refused:
            await client.messages.create(**QUESTION)

    assert "certificate verify failed" in str(refused.value.__cause__).lower()

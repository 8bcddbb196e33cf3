"""Who thinks: each agent's credential, and whether the model API takes it and has the model. Costs nothing."""

from __future__ import annotations

import asyncio
import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp

from host.cli.looks import clock
from host.config import Agent, Config, provider
from host.gateway.credentials import Credentials, EnvironmentCredentials, Grant, NoCredential
from host.gateway.elsewhere import Elsewhere
from host.gateway.onecli import OneCLICredentials
from host.ports import unreachable
from host.ports.findings import Finding
from sessiondb.options import DEFAULT_MODEL

DEADLINE = 10.0  # s for one answer
LARGEST_ANSWER = 65_536  # bytes that are read of it
VERSION = {"anthropic-version": "2023-06-01"}
SETTING = "model.base_url"
KEY = {"environment": "ANTHROPIC_API_KEY", "onecli": "the agent's secret in OneCLI"}
WHAT = "Model API"
STANDS_IN = "Fallback model"


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    kind: str  # of an error, in the model API's own words; '' when it is not in its shape
    date: str
    body: Any


def make_credentials(config: Config, environment: Mapping[str, str]) -> Credentials:
    if config.credentials.source == "onecli":
        return OneCLICredentials(config.credentials.onecli_url, environment)
    return EnvironmentCredentials(environment)


@dataclass(frozen=True, slots=True)
class _Place:
    """One that is asked for a model."""

    what: str  # begins the finding
    url: str
    setting: str  # that names it
    key: str  # where its key is set
    grant: Grant
    model: str
    named: str  # by which setting


async def look(config: Config, environment: Mapping[str, str]) -> list[Finding]:
    """For each agent that talks to a model; what it may spend is a remark, not a fault."""
    credentials = make_credentials(config, environment)
    try:
        looks = [
            _agent(config, credentials, environment, name, agent) for name, agent in config.agents.items()
        ]
        found = await asyncio.gather(*looks)
    finally:
        await credentials.close()
    return list(dict.fromkeys(finding for findings in found for finding in findings))


async def _agent(
    config: Config, credentials: Credentials, environment: Mapping[str, str], name: str, agent: Agent
) -> list[Finding]:
    what = f"Agent {name}"
    if agent.provider == "auto":
        return [Finding(what, name not in provider.echoing(config), provider.ECHO, provider.REMEDY)]
    if agent.provider == "mock":
        return [Finding(what, True, "echoes, without a model")]
    try:
        await credentials.equip(name)
        grant = await credentials.grant(name)
    except NoCredential as missing:
        remedy = (
            "Set ANTHROPIC_API_KEY in .env"
            if config.credentials.source == "environment"
            else "Put OneCLI right"
        )
        return [Finding(what, False, str(missing), remedy)]
    limits = (config.model, agent)
    free = all(math.isinf(one.budget_usd_per_day) and math.isinf(one.budget_usd_per_month) for one in limits)
    remedy = "Nothing limits what it spends: set budget_usd_per_day" if free else ""
    model = agent.model or DEFAULT_MODEL
    fits = Finding(what, True, f"{agent.provider} {model}, with a credential", remedy)
    key = KEY[config.credentials.source]
    own = _Place(WHAT, config.model.base_url, SETTING, key, grant, model, f"model in [agents.{name}]")
    return [fits, *await _asked(own), *await _elsewhere(config, credentials, environment, name, agent)]


async def _elsewhere(
    config: Config, credentials: Credentials, environment: Mapping[str, str], name: str, agent: Agent
) -> list[Finding]:
    """The model that stands in, where it has an address of its own."""
    if (other := Elsewhere.of(agent)) is None:
        return []
    setting = f"agents.{name}.fallback"
    try:
        grant = await other.grant(name, credentials, environment)
    except NoCredential as missing:
        remedy = f"Set {other.variable} in .env" if other.variable else "Put OneCLI right"
        return [Finding(STANDS_IN, False, str(missing), remedy)]
    key = other.variable or (
        f"none is sent; name its variable in {setting}_key_env" if grant.via is None else KEY["onecli"]
    )
    place = _Place(
        STANDS_IN, other.url, f"{setting}_url", key, grant, agent.fallback_model, f"{setting}_model"
    )
    return await _asked(place)


async def _asked(place: _Place) -> list[Finding]:
    url = place.url
    try:
        answer = await _get(f"{url}/v1/models/{quote(place.model, safe='')}", place.grant)
    except (aiohttp.ClientError, TimeoutError, OSError, unreachable.Odd) as error:
        words = unreachable.because(error, url, place.setting)
        return [Finding(place.what, False, words.problem, words.remedy)]
    behind = clock.by_server(answer.date, url, time.time())
    return [_judged(place, answer), *([behind] if behind else [])]


def _judged(place: _Place, answer: _Answer) -> Finding:
    """By the error's kind: a proxy that knows no models by name answers 404 without one."""
    what, url, key, model = place.what, place.url, place.key, place.model
    match answer.status, answer.kind:
        case 200, _ if isinstance(answer.body, dict):
            return Finding(what, True, f"{url} takes the key and has {answer.body.get('id') or model}")
        case 401, _:
            return Finding(what, False, f"{url} refuses the key (401)", f"Set a valid one: {key}")
        case 403, _:
            remedy = f"Give the key the right to it, or set another: {key}"
            return Finding(what, False, f"the key may not use {model} (403)", remedy)
        case 404, "not_found_error":
            remedy = f"Correct {place.named}: docs.claude.com lists the names"
            return Finding(what, False, f"{url} has no model {model!r}", remedy)
        case ((404 | 405 | 501), _):
            return Finding(what, True, f"{url} answers, and does not tell which models it has")
        case 402, _:
            return Finding(what, False, f"the account behind {key} has no credit (402)", "Buy credit for it")
        case 429, _:
            remedy = "Wait, or have the limit raised: answers come late until then"
            return Finding(what, False, f"{url} says that the key asks too often (429)", remedy)
        case status, _ if status >= 500:
            remedy = "Wait: what people ask meanwhile is answered later"
            return Finding(what, False, f"{url} is not well ({status})", remedy)
    words = unreachable.because(
        unreachable.Odd(f"answers {answer.status}, which is not the model API"), url, place.setting
    )
    return Finding(what, False, words.problem, words.remedy)


async def _get(url: str, grant: Grant) -> _Answer:
    """Raises `aiohttp.ClientError`, `TimeoutError`, `OSError`, `unreachable.Odd`."""
    way: dict[str, Any] = {}
    if grant.via is not None:
        way = {"proxy": grant.via.url, "proxy_headers": {"Proxy-Authorization": grant.via.authorization}}
        way["ssl"] = grant.via.trust
    timeout = aiohttp.ClientTimeout(total=DEADLINE)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.get(url, headers={**VERSION, **grant.headers}, allow_redirects=False, **way) as answer,
    ):
        body = _parsed(await answer.content.read(LARGEST_ANSWER))
        if answer.status == 200 and not isinstance(body, dict):
            raise unreachable.Odd("answers with a page, not as the model API")
        error = body.get("error") if isinstance(body, dict) else None
        kind = str(error.get("type") or "") if isinstance(error, dict) else ""
        return _Answer(answer.status, kind, answer.headers.get("Date", ""), body)


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None

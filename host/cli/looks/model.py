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


async def look(config: Config, environment: Mapping[str, str]) -> list[Finding]:
    """For each agent that talks to a model; what it may spend is a remark, not a fault."""
    credentials = make_credentials(config, environment)
    try:
        looks = [_agent(config, credentials, name, agent) for name, agent in config.agents.items()]
        found = await asyncio.gather(*looks)
    finally:
        await credentials.close()
    return list(dict.fromkeys(finding for findings in found for finding in findings))


async def _agent(config: Config, credentials: Credentials, name: str, agent: Agent) -> list[Finding]:
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
    return [fits, *await _asked(config, grant, model, name)]


async def _asked(config: Config, grant: Grant, model: str, agent: str) -> list[Finding]:
    url = config.model.base_url
    try:
        answer = await _get(f"{url}/v1/models/{quote(model, safe='')}", grant)
    except (aiohttp.ClientError, TimeoutError, OSError, unreachable.Odd) as error:
        words = unreachable.because(error, url, SETTING)
        return [Finding(WHAT, False, words.problem, words.remedy)]
    behind = clock.by_server(answer.date, url, time.time())
    return [_judged(config, answer, model, agent), *([behind] if behind else [])]


def _judged(config: Config, answer: _Answer, model: str, agent: str) -> Finding:
    """By the error's kind: a proxy that knows no models by name answers 404 without one."""
    url, key = config.model.base_url, KEY[config.credentials.source]
    match answer.status, answer.kind:
        case 200, _ if isinstance(answer.body, dict):
            return Finding(WHAT, True, f"{url} takes the key and has {answer.body.get('id') or model}")
        case 401, _:
            return Finding(WHAT, False, f"{url} refuses the key (401)", f"Set a valid one: {key}")
        case 403, _:
            remedy = f"Give the key the right to it, or set another: {key}"
            return Finding(WHAT, False, f"the key may not use {model} (403)", remedy)
        case 404, "not_found_error":
            remedy = f"Correct model in [agents.{agent}]: docs.claude.com lists the names"
            return Finding(WHAT, False, f"{url} has no model {model!r}", remedy)
        case ((404 | 405 | 501), _):
            return Finding(WHAT, True, f"{url} answers, and does not tell which models it has")
        case 402, _:
            return Finding(WHAT, False, f"the account behind {key} has no credit (402)", "Buy credit for it")
        case 429, _:
            remedy = "Wait, or have the limit raised: answers come late until then"
            return Finding(WHAT, False, f"{url} says that the key asks too often (429)", remedy)
        case status, _ if status >= 500:
            remedy = "Wait: what people ask meanwhile is answered later"
            return Finding(WHAT, False, f"{url} is not well ({status})", remedy)
    words = unreachable.because(
        unreachable.Odd(f"answers {answer.status}, which is not the model API"), url, SETTING
    )
    return Finding(WHAT, False, words.problem, words.remedy)


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

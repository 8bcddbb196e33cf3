"""Whether traces would be taken: the library is there, and the collector takes an empty request."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from urllib.parse import unquote

import aiohttp

from host.config import Config
from host.ports import unreachable
from host.ports.findings import Finding

WHAT = "Traces"
SETTING = "[traces] endpoint"
LIBRARY = "opentelemetry.exporter"
DEADLINE = 10.0  # s
HEADERS = ("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS")  # the first that is set counts


async def look(config: Config, environment: Mapping[str, str]) -> list[Finding]:
    """Nothing where no traces are wanted."""
    if config.traces is None:
        return []
    if not _is_installed():
        remedy = "Install requirements-otel.lock beside the rest, or leave [traces] out"
        return [Finding(WHAT, False, "the extra `otel` is not installed", remedy)]
    url = config.traces.endpoint
    try:
        status = await _posted(url, headers(environment))
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        words = unreachable.because(error, url, SETTING)
        return [Finding(WHAT, False, words.problem, words.remedy)]
    if status < 300:
        return [Finding(WHAT, True, f"{url} takes them")]
    remedy = f"Give it what it wants to see in {HEADERS[1]}" if status in (401, 403) else f"Look at {SETTING}"
    return [Finding(WHAT, False, f"{url} takes none ({status})", remedy)]


def headers(environment: Mapping[str, str]) -> dict[str, str]:
    """As the exporter reads them: `name=value,name=value`, each of them quoted as in an address."""
    told = next((environment[name] for name in HEADERS if environment.get(name)), "")
    pairs = [part.partition("=") for part in told.split(",") if "=" in part]
    named = {unquote(name).strip().lower(): unquote(value).strip() for name, _, value in pairs}
    return {name: value for name, value in named.items() if name}


def _is_installed() -> bool:
    try:
        return importlib.util.find_spec(f"{LIBRARY}.otlp.proto.http") is not None
    except ModuleNotFoundError:
        return False


async def _posted(url: str, more: Mapping[str, str]) -> int:
    """The status of the answer to no spans at all: what says nothing changes nothing."""
    async with (
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=DEADLINE)) as session,
        session.post(
            url, data=b"", headers={"content-type": "application/x-protobuf", **more}, allow_redirects=False
        ) as answer,
    ):
        return answer.status

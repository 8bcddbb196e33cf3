"""The doctor's look at whether traces would be taken."""

from __future__ import annotations

import sys

import pytest

from host.cli.looks import collector, everything
from host.config import Config
from host.ports.findings import Finding
from tests.support import odd_servers


def to(url: str) -> Config:
    return Config.model_validate({"traces": {"endpoint": url}})


async def looked(config: Config, **environment: str) -> Finding:
    [found] = await collector.look(config, environment)
    return found


async def test_nobody_is_asked_where_no_traces_are_wanted() -> None:
    assert await collector.look(Config(), {}) == []
    assert collector.WHAT not in [one.what for one in everything.outside(Config(), {}, {}, with_engine=False)]


async def test_a_collector_that_takes_an_empty_request_is_well() -> None:
    async with odd_servers.answering(200, {}) as url:
        looks = [
            one
            for one in everything.outside(to(url), {}, {}, with_engine=False)
            if one.what == collector.WHAT
        ]
        [found] = await everything.told(looks)
        assert (found.well, found.seen) == (True, f"{url.rstrip('/')}/v1/traces takes them")


@pytest.mark.parametrize(
    ("status", "remedy"),
    [(401, "OTEL_EXPORTER_OTLP_HEADERS"), (404, "[traces] endpoint"), (302, "[traces] endpoint")],
)
async def test_one_that_takes_none_is_told_with_what_to_do(status: int, remedy: str) -> None:
    async with odd_servers.answering(status, "<h1>Welcome</h1>") as url:
        found = await looked(to(url))
    assert not found.well
    assert f"takes none ({status})" in found.seen
    assert remedy in found.remedy


async def test_one_that_is_away_is_told_in_words() -> None:
    async with odd_servers.answering(200, {}) as url:
        pass
    found = await looked(to(url))
    assert not found.well
    assert "[traces] endpoint" in f"{found.seen} {found.remedy}"


async def test_without_the_library_the_remedy_is_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "LIBRARY", "opentelemetry_that_is_not_there")
    found = await looked(to("http://127.0.0.1:9"))
    assert (found.well, "requirements-otel.lock" in found.remedy) == (False, True)
    assert "opentelemetry_that_is_not_there" not in sys.modules


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        ({}, {}),
        (
            {"OTEL_EXPORTER_OTLP_HEADERS": "Authorization=Bearer%20x, team = doves"},
            {"authorization": "Bearer x", "team": "doves"},
        ),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "a=1", "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "b=2"}, {"b": "2"}),
        ({"OTEL_EXPORTER_OTLP_HEADERS": "nonsense,,=,x"}, {}),
    ],
)
def test_headers_are_read_as_the_exporter_reads_them(told: dict[str, str], meant: dict[str, str]) -> None:
    assert collector.headers(told) == meant

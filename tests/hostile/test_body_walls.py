"""What a body at the gateway names: each passes where the agent is allowed it, and nowhere else."""

from __future__ import annotations

import dataclasses
import json
from types import SimpleNamespace
from typing import Any

import pytest

from host.gateway import permits, reading
from host.gateway.permits import BETAS, KEYS, Permit, Refused
from tests.support.asking import MODEL, ask
from tests.support.redteam import Seat, attack, walled

pytestmark = attack(Seat.CONTAINER, 9)

OWN = Permit(frozenset({MODEL}), BETAS, frozenset({"custom"}))
WIDER = Permit(
    frozenset({MODEL, "claude-other"}),
    BETAS | {"files-api"},
    frozenset({"custom", "web_search_20250305", "code_execution_20250522"}),
    KEYS | {"mcp_servers", "container", "service_tier"},
)
PATH = "/v1/messages"


def body(**more: Any) -> bytes:
    return json.dumps({**ask(), **more}).encode()


NAMED: dict[str, tuple[bytes, dict[str, str]]] = {
    "another model": (body(model="claude-other"), {}),
    "a server of its own": (body(mcp_servers=[{"type": "url", "url": "https://example.org/mcp"}]), {}),
    "a container of the API's": (body(container="c1"), {}),
    "a search of the web": (body(tools=[{"type": "web_search_20250305", "name": "web_search"}]), {}),
    "code that the API runs": (body(tools=[{"type": "code_execution_20250522", "name": "code"}]), {}),
    "another tier": (body(service_tier="priority"), {}),
    "a beta": (body(), {"anthropic-beta": "files-api"}),
    "a beta behind one that is allowed": (body(), {"anthropic-beta": f"{next(iter(BETAS))} , files-api"}),
}


def passes(permit: Permit, sent: bytes, headers: dict[str, str] | None = None, path: str = PATH) -> bool:
    front = {"method": "POST", "path": path, "query": "", "headers": headers or {}}
    try:
        reading.judged(permit, front, sent)
    except Refused:
        return False
    return True


@walled
@pytest.mark.parametrize("what", NAMED)
def test_a_body_names_what_its_agent_is_not_allowed(what: str, standing: bool) -> None:
    sent, headers = NAMED[what]
    assert passes(OWN if standing else WIDER, sent, headers) is not standing


PICTURE = {"type": "image", "source": {"type": "url", "url": "https://example.org/?what=I+know"}}
CARRIED: dict[str, list[Any]] = {
    "in a message": [{"role": "user", "content": [PICTURE]}],
    "in a tool's result": [
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": [PICTURE]}]}
    ],
    "as a document": [{"role": "user", "content": [{**PICTURE, "type": "document"}]}],
    "as a file of the API's": [
        {"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}
    ],
}


@walled
@pytest.mark.parametrize("where", CARRIED)
@pytest.mark.parametrize("permit", [OWN, WIDER], ids=["own", "wider"])
def test_an_address_in_a_picture_carries_words_out(
    monkeypatch: pytest.MonkeyPatch, where: str, permit: Permit, standing: bool
) -> None:
    if not standing:
        monkeypatch.setattr(permits, "EMBEDDED", permits.EMBEDDED | {"url", "file"})
    assert passes(permit, body(messages=CARRIED[where])) is not standing


def passed_on(permit: Permit, sent: bytes) -> bytes:
    front = {"method": "POST", "path": PATH, "query": "", "headers": {}}
    try:
        return reading.judged(permit, front, sent).body
    except Refused:
        return b""


def as_it_came(sent: bytes, first_counts: bool) -> SimpleNamespace:
    """JSON that is looked at and then sent on as it was; of two equal keys readers take the one or the other."""

    def pairs(found: list[tuple[str, Any]]) -> dict[str, Any]:
        return dict(reversed(found) if first_counts else found)

    return SimpleNamespace(
        loads=lambda raw, **_: json.loads(raw, object_pairs_hook=pairs), dumps=lambda _: sent.decode()
    )


@walled
@pytest.mark.parametrize("first_counts", [True, False], ids=["the first", "the last"])
def test_a_doubled_key_is_read_one_way_only(
    monkeypatch: pytest.MonkeyPatch, first_counts: bool, standing: bool
) -> None:
    """What was looked at is what is sent, whoever reads the second of two differently."""
    other = b'"model": "claude-other"'
    sent = body()[:-1] + b", " + other + b"}" if first_counts else b"{" + other + b", " + body()[1:]
    if not standing:
        monkeypatch.setattr(permits, "json", as_it_came(sent, first_counts))
    assert (b"claude-other" in passed_on(OWN, sent)) is not standing


@walled
@pytest.mark.parametrize(
    "path", ["/v1/files", "/v1/messages/batches", "/v1/models", "/v1/messages/../files", "//v1/messages", "/"]
)
def test_another_path_passes(monkeypatch: pytest.MonkeyPatch, path: str, standing: bool) -> None:
    if not standing:
        monkeypatch.setattr(permits, "COUNT", path)
    assert passes(WIDER, body(), path=path) is not standing


@walled
def test_a_body_of_small_values_takes_a_host_s_memory(
    monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    monkeypatch.setattr(reading, "MOST_VALUES", 1_000 if standing else 10**9)
    many = body(stop_sequences=["x"] * 5_000)
    assert passes(OWN, many) is not standing


EXPENSIVE = {
    "brackets without an end": b"[" * 400_000,
    "a number of a million digits": b'{"model": ' + b"9" * 1_000_000 + b"}",
    "no text": b"\xff\xfe\x00",
    "words that are no JSON": b"NaN",
    "nothing": b"",
    "brackets in a message": body(messages=[])[:-3] + b"[" * 100_000 + b"]" * 100_000 + b"}",
}


@walled
@pytest.mark.parametrize("what", EXPENSIVE)
def test_a_body_breaks_whoever_reads_it(monkeypatch: pytest.MonkeyPatch, what: str, standing: bool) -> None:
    if standing:
        assert not passes(WIDER, EXPENSIVE[what])
        return
    monkeypatch.setattr(permits, "_parsed", json.loads)
    with pytest.raises((ValueError, RecursionError, AttributeError)):
        passes(WIDER, EXPENSIVE[what])


@walled
@pytest.mark.parametrize("tokens", [-1, 10**9, True, 1.5])
def test_an_answer_is_asked_for_that_no_budget_can_hold(tokens: Any, standing: bool) -> None:
    sent = body(max_tokens=tokens if standing else 1_000)
    assert passes(dataclasses.replace(OWN), sent) is not standing

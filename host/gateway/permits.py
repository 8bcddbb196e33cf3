"""What an agent may ask of the model API: an allow-list of everything a request can name. Pure.

A path alone is no boundary: a body can name other models, tools that reach the network from the API's side, MCP servers
and documents by URL. What is not named here is refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from host.gateway import measures
from sessiondb import model_fields
from sessiondb.options import DEFAULT_MODEL, MOST_TOKENS

if TYPE_CHECKING:  # the process that reads bodies starts without the configuration's library
    from host.config import Agent

JSON = dict[str, Any]

MESSAGES = "/v1/messages"
COUNT = "/v1/messages/count_tokens"
BETAS = frozenset({"compact-2026-01-12"})  # what Dovecote's own provider uses
SERVER_TOOLS = {
    "web_search": "web_search_20250305",
    "web_fetch": "web_fetch_20260209",
}  # by the agent's option
KEYS = frozenset(
    {
        "cache_control",
        "context_management",
        "max_tokens",
        "messages",
        "model",
        "output_config",
        "stop_sequences",
        "stream",
        "system",
        "thinking",
        "tool_choice",
        "tools",
    }
)
# What Claude Code sends beside that: its name, a device of its own making, how hard the model is to think.
HARNESS_BETAS = frozenset({"claude-code-20250219", "effort-2025-11-24", "interleaved-thinking-2025-05-14"})
HARNESS_KEYS = frozenset({"metadata"})
EMBEDDED = frozenset({"base64", "text", "content"})  # sources that carry their content; others are fetched
MEDIA = ("image", "document")
BYTES_PER_TOKEN = 3  # of a request's JSON, at least: rather too many tokens than too few are set aside


class Refused(Exception):
    """`.status` and `.kind` are the model API's own; `.message` is one line that people may see."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.kind = kind
        self.message = message


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that may pass, in the canonical form in which it is passed on."""

    path: str
    body: bytes
    model: str
    max_tokens: int
    betas: tuple[str, ...]
    streamed: bool
    tokens: int = 0  # of the request, at most
    uncertain: bool = False  # half an answer does not show what it cost: thoughts, server tools, documents
    optional: frozenset[str] = frozenset()  # fields it could do without
    tools: tuple[str, ...] = ()

    @property
    def is_charged(self) -> bool:
        return self.path.partition("?")[0] == MESSAGES


@dataclass(frozen=True, slots=True)
class Permit:
    models: frozenset[str]
    betas: frozenset[str]
    tools: frozenset[str]
    keys: frozenset[str] = KEYS
    lenient: bool = (
        False  # betas that are not allowed are left out instead of refused: a harness asks for what it likes
    )

    @classmethod
    def of(cls, agent: Agent) -> Permit:
        by_option = {kind for option, kind in SERVER_TOOLS.items() if agent.options.get(option) is True}
        own = () if agent.echoes else (agent.model or DEFAULT_MODEL,)
        titles = (agent.title_model,) if agent.provider == "claude" and agent.title_model else ()
        standing_in = (agent.fallback_model,) if agent.fallback_model and not agent.fallback_url else ()
        return cls(
            models=frozenset({*own, *titles, *standing_in, *agent.models}),
            betas=BETAS.union(agent.betas, HARNESS_BETAS if agent.provider == "claude_code" else ()),
            tools=frozenset({"custom", *by_option, *agent.server_tools}),
            keys=KEYS | HARNESS_KEYS if agent.provider == "claude_code" else KEYS,
            lenient=agent.provider == "claude_code",
        )

    def check(
        self, method: str, path: str, query: str, headers: Mapping[str, str], raw: bytes | bytearray
    ) -> Asked:
        """Raises `Refused`."""
        if method != "POST" or path not in (MESSAGES, COUNT) or query not in ("", "beta=true"):
            raise Refused(404, "not_found_error", f"{method} {path} does not pass the gateway")
        betas = tuple(b.strip() for b in headers.get("anthropic-beta", "").split(",") if b.strip())
        if self.lenient:
            betas = tuple(beta for beta in betas if beta in self.betas)
        _only("anthropic-beta", betas, self.betas)
        body = _parsed(raw)
        _only("the request's keys", body, self.keys)
        model, max_tokens = body.get("model"), body.get("max_tokens", 0)
        if not isinstance(model, str) or model not in self.models:
            raise _denied(f"model {str(model)[:100]!r} is not one of this agent's")
        if type(max_tokens) is not int or not 0 <= max_tokens <= MOST_TOKENS:
            raise Refused(400, "invalid_request_error", f"max_tokens must be 0 to {MOST_TOKENS}")
        self._check_tools(body.get("tools") or ())
        media = _Media()
        _check_sources(body.get("messages"), media)
        _check_sources(body.get("system"), media)
        streamed = body.get("stream") is True
        # Written anew: what was checked is what is sent, whoever else would read a doubled key differently.
        try:
            canonical = json.dumps(body).encode()
        except RecursionError as error:
            raise Refused(400, "invalid_request_error", "the body is nested too deeply") from error
        return Asked(
            path + (f"?{query}" if query else ""),
            canonical,
            model,
            max_tokens,
            betas,
            streamed,
            (len(canonical) - media.size) // BYTES_PER_TOKEN + 1 + media.tokens,
            media.documents > 0 or _thinks(body) or _asks_servers(body),
            frozenset(model_fields.present(body)),
            tuple(str(tool.get("name")) for tool in body.get("tools") or ()),
        )

    def _check_tools(self, tools: object) -> None:
        if not isinstance(tools, list | tuple) or not all(isinstance(tool, dict) for tool in tools):
            raise Refused(400, "invalid_request_error", "tools must be a list of objects")
        _only("tool type", [str(tool.get("type") or "custom") for tool in tools], self.tools)


@dataclass
class _Media:
    """What was seen of pictures and documents."""

    size: int = 0  # characters of base64
    tokens: int = 0
    documents: int = 0

    def add(self, kind: str, data: str) -> None:
        self.size += len(data)
        self.tokens += measures.tokens(kind, data)


def _thinks(body: JSON) -> bool:
    thinking = body.get("thinking")
    return isinstance(thinking, dict) and thinking.get("type") != "disabled"


def _asks_servers(body: JSON) -> bool:
    return any(tool.get("type") not in (None, "custom") for tool in body.get("tools") or ())


def _parsed(raw: bytes | bytearray) -> JSON:
    try:
        body = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Refused(400, "invalid_request_error", "the body is not JSON") from error
    if not isinstance(body, dict):
        raise Refused(400, "invalid_request_error", "the body is no object")
    return body


def _no_constant(name: str) -> None:
    raise ValueError(name)


def _check_sources(value: object, media: _Media) -> None:
    """Nothing that the API would fetch: a URL is a way out, a file id may be somebody else's."""
    rest = [value]
    while rest:
        found = rest.pop()
        if isinstance(found, list):
            rest += found
        elif isinstance(found, dict):
            source = found.get("source")
            if isinstance(source, dict) and source.get("type") not in EMBEDDED:
                raise _denied(f"content by {str(source.get('type'))[:50]!r} does not pass the gateway")
            if isinstance(source, dict) and found.get("type") in MEDIA:
                media.documents += found["type"] == "document"
                if isinstance(data := source.get("data"), str) and source.get("type") == "base64":
                    media.add(found["type"], data)
            # What a model wrote into a tool's input is data, whatever it looks like.
            rest += [inner for key, inner in found.items() if key != "input"]


def _only(what: str, named: object, allowed: frozenset[str]) -> None:
    foreign = sorted(set(named) - allowed) if isinstance(named, list | tuple | dict) else []
    if foreign:
        raise _denied(f"{what}: {', '.join(foreign)[:200]} not allowed for this agent")


def _denied(message: str) -> Refused:
    return Refused(403, "permission_error", message)

"""What the Messages API refuses, apart from the messages themselves (see `conversation.py`).

Each check raises `Refused` with the wording of the real API where that is known.
"""

import json
import re
from collections.abc import Collection, Mapping

from jsonschema import Draft202012Validator, SchemaError  # type: ignore[import-untyped]

from tests.fakes.model_api.conversation import check_messages
from tests.fakes.model_api.errors import JSON, Refused, invalid

VERSIONS = frozenset({"2023-06-01", "2026-10-21"})
MAX_BODY = 32 * 1024 * 1024  # bytes, the limit of the Messages API
MIN_COMPACTION_TRIGGER = 50_000  # tokens
MIN_THINKING_BUDGET = 1_024  # tokens
MAX_MARKERS = 4  # cache_control markers in a request

GENERAL_PARAMETERS = frozenset(
    {
        "cache_control",
        "container",
        "diagnostics",
        "inference_geo",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "output_config",
        "service_tier",
        "speed",
        "stop_sequences",
        "stream",
        "system",
        "thinking",
        "tool_choice",
        "tools",
    }
)
COUNTING_PARAMETERS = GENERAL_PARAMETERS - {
    "max_tokens",
    "stream",
    "stop_sequences",
    "metadata",
    "service_tier",
}
GONE = frozenset({"temperature", "top_p", "top_k"})

# A parameter that exists only under a beta, by the start of that beta's name.
BETA_PARAMETERS = {
    "context_management": ("compact-2026-01-12", "context-management-"),
    "compaction": ("compact-2026-09-04",),
    "fallbacks": ("server-side-fallback-",),
    "fallback_credit_token": ("fallback-credit-",),
    "mcp_servers": ("mcp-client-",),
    "thread": ("message-threads-",),
}
EDIT_BETAS = {
    "compact_20260112": "compact-2026-01-12",
    "clear_tool_uses_20250919": "context-management-2025-06-27",
    "clear_thinking_20251015": "context-management-2025-06-27",
}
KNOWN_BETAS = (
    "advisor-tool-",
    "agent-memory-",
    "cache-diagnosis-",
    "claude-code-",
    "code-execution-",
    "compact-2026-01-12",
    "compact-2026-09-04",
    "computer-use-",
    "context-",
    "dev-full-thinking-",
    "effort-",
    "extended-cache-ttl-",
    "fallback-credit-",
    "fast-mode-",
    "files-api-",
    "fine-grained-tool-streaming-",
    "inline-tools-",
    "interleaved-thinking-",
    "mcp-client-",
    "message-threads-",
    "mid-conversation-",
    "model-context-window-exceeded-",
    "output-",
    "pdfs-",
    "prompt-caching-",
    "server-side-fallback-",
    "skills-",
    "structured-outputs-",
    "task-budgets-",
    "thinking-",
    "token-counting-",
    "token-efficient-tools-",
)


def check_headers(headers: Mapping[str, str], keys: Collection[str]) -> None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    key = token if scheme.lower() == "bearer" else headers.get("x-api-key", "")
    if not key:
        raise Refused(401, "Authentication is required: send `Authorization: Bearer` or `x-api-key`.")
    if key not in keys:
        raise Refused(401, "invalid bearer token" if token else "invalid x-api-key")
    version = headers.get("anthropic-version")
    if version is None:
        raise invalid("anthropic-version: header is required")
    if version not in VERSIONS:
        raise invalid(f'anthropic-version: "{version}" is not a valid version')


def parse_body(raw: bytes) -> JSON:
    if len(raw) > MAX_BODY:
        raise Refused(413, "Request exceeds the maximum size")
    try:
        body = json.loads(raw)
        json.dumps(body, ensure_ascii=False).encode()  # half a surrogate pair is no text
    except ValueError as error:
        raise invalid("The request body is not valid JSON") from error
    if not isinstance(body, dict):
        raise invalid("Input should be a valid dictionary")
    return body


def check_request(body: JSON, betas: frozenset[str], models: Mapping[str, int], *, counting: bool) -> None:
    """`models` maps the models offered to the most tokens each may be asked for."""
    for beta in sorted(betas):
        if not beta.startswith(KNOWN_BETAS):
            raise invalid(f"Unexpected value(s) `{beta}` for the `anthropic-beta` header.")
    _check_parameters(body, betas, counting=counting)
    model = body.get("model")
    if not isinstance(model, str):
        raise invalid("model: Field required" if model is None else "model: Input should be a valid string")
    if model not in models:
        raise Refused(404, f"model: {model}")
    if not counting:
        _check_max_tokens(body.get("max_tokens"), models[model])
    _check_types(body)
    _check_thinking(body)
    _check_tools(body)
    _check_context_management(body, betas)
    check_messages(body, betas)
    _check_markers(body)
    if body.get("thread"):
        raise invalid("thread: message threads are not offered here; send the whole history")


def _check_parameters(body: JSON, betas: frozenset[str], *, counting: bool) -> None:
    allowed = COUNTING_PARAMETERS if counting else GENERAL_PARAMETERS
    for name in body:
        if name in GONE:
            raise invalid(f"{name}: this parameter is not supported by this model")
        if name in allowed:
            continue
        needed = BETA_PARAMETERS.get(name)
        if needed is None or not any(beta.startswith(needed) for beta in betas):
            raise invalid(f"{name}: Extra inputs are not permitted")


def _check_max_tokens(value: object, most: int) -> None:
    if value is None:
        raise invalid("max_tokens: Field required")
    if not isinstance(value, int) or isinstance(value, bool):
        raise invalid("max_tokens: Input should be a valid integer")
    if value < 1:
        raise invalid("max_tokens: must be greater than or equal to 1")
    if value > most:
        raise invalid(f"max_tokens: {value} > {most}, which is the maximum allowed number of output tokens")


def _check_types(body: JSON) -> None:
    expected: dict[str, type | tuple[type, ...]] = {
        "stream": bool,
        "stop_sequences": list,
        "system": (str, list),
        "tools": list,
        "metadata": dict,
        "output_config": dict,
        "tool_choice": dict,
        "thinking": dict,
    }
    for name, kind in expected.items():
        if body.get(name) is not None and not isinstance(body[name], kind):
            raise invalid(f"{name}: Input has the wrong type")
    if isinstance(body.get("system"), list):
        for at, block in enumerate(body["system"]):
            if not isinstance(block, dict) or block.get("type") != "text":
                raise invalid(f"system.{at}.type: Input should be 'text'")
            if not block.get("text"):
                raise invalid("system: text content blocks must be non-empty")


def _check_thinking(body: JSON) -> None:
    thinking = body.get("thinking") or {"type": "disabled"}
    if thinking.get("type") not in {"enabled", "disabled", "adaptive"}:
        raise invalid("thinking.type: Input should be 'enabled', 'disabled' or 'adaptive'")
    if thinking["type"] != "enabled":
        return
    budget = thinking.get("budget_tokens")
    if not isinstance(budget, int) or budget < MIN_THINKING_BUDGET:
        raise invalid("thinking.enabled.budget_tokens: Input should be greater than or equal to 1024")
    if budget >= body.get("max_tokens", budget + 1):
        raise invalid("`max_tokens` must be greater than `thinking.budget_tokens`.")


def _check_tools(body: JSON) -> None:
    names: set[str] = set()
    for at, tool in enumerate(body.get("tools") or ()):
        if not isinstance(tool, dict):
            raise invalid(f"tools.{at}: Input should be a valid dictionary")
        kind = tool.get("type") or "custom"
        name = str(tool.get("name") or tool.get("mcp_server_name") or "")
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", name):
            raise invalid(f"tools.{at}.{kind}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        if name in names:
            raise invalid("tools: Tool names must be unique.")
        names.add(name)
        if kind == "custom":
            schema = tool.get("input_schema")
            if not isinstance(schema, dict):
                raise invalid(f"tools.{at}.custom.input_schema: Field required")
            _check_schema(at, schema)
    choice = body.get("tool_choice")
    if choice is None:
        return
    if choice.get("type") not in {"auto", "any", "tool", "none"}:
        raise invalid("tool_choice.type: Input should be 'auto', 'any', 'tool' or 'none'")
    if choice["type"] == "tool" and choice.get("name") not in names:
        raise invalid(f"Tool '{choice.get('name')}' not found in provided tools")


def _check_schema(at: int, schema: JSON) -> None:
    where = f"tools.{at}.custom.input_schema"
    if schema.get("type") != "object":
        raise invalid(f"{where}.type: Input should be 'object'")
    if {"oneOf", "allOf", "anyOf"} & schema.keys():
        raise invalid(f"{where}: input_schema does not support oneOf, allOf, or anyOf at the top level")
    for key in schema.get("properties") or ():
        if not re.fullmatch(r"[a-zA-Z0-9_.-]{1,64}", key):
            raise invalid(
                f"{where}.properties: Property keys should match pattern '^[a-zA-Z0-9_.-]{{1,64}}$'"
            )
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise invalid(f"{where}: JSON schema is invalid. It must match JSON Schema draft 2020-12") from error


def _check_context_management(body: JSON, betas: frozenset[str]) -> None:
    management = body.get("context_management")
    if management is None:
        return
    if body.get("compaction"):
        raise invalid("compaction: cannot be combined with `context_management`")
    for at, edit in enumerate(management.get("edits") or ()):
        where = f"context_management.edits.{at}"
        beta = EDIT_BETAS.get(str(edit.get("type")))
        if beta is None or beta not in betas:
            raise invalid(f"{where}: Input tag '{edit.get('type')}' does not match any of the expected tags")
        trigger = edit.get("trigger")
        if beta == "compact-2026-01-12" and trigger and trigger.get("value", 0) < MIN_COMPACTION_TRIGGER:
            raise invalid(
                f"{where}.compact_20260112.trigger.value: must be at least {MIN_COMPACTION_TRIGGER}"
            )


def _check_markers(body: JSON) -> None:
    """At most four markers, each well formed, those of an hour before those of five minutes."""
    system = body.get("system")
    places = [*(body.get("tools") or ()), *(system if isinstance(system, list) else ())]
    for message in body["messages"]:
        if isinstance(message["content"], list):
            places += message["content"]
    markers = [place["cache_control"] for place in places if place.get("cache_control")]
    if body.get("cache_control"):
        markers.append(body["cache_control"])
    if len(markers) > MAX_MARKERS:
        raise invalid(f"A maximum of 4 blocks with cache_control may be provided. Found {len(markers)}.")
    lives = [marker.get("ttl", "5m") for marker in markers]
    if any(marker.get("type") != "ephemeral" for marker in markers):
        raise invalid("cache_control.type: Input should be 'ephemeral'")
    if not set(lives) <= {"5m", "1h"}:
        raise invalid("cache_control.ttl: Input should be '5m' or '1h'")
    if lives != sorted(lives):
        raise invalid("a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block")

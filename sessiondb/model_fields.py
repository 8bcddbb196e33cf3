"""Optional fields of a request to a model, and how a refusal of one reads. Pure.

The runner leaves a refused one out; the host, which sees every answer pass, remembers it for the address of the model.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

# By the words of a refusal that mean it. Vague refusals cost them in this order.
WORDS: Mapping[str, tuple[str, ...]] = {
    "context_management": ("context_management", "compact", "anthropic-beta", "beta"),
    "cache_control": ("cache_control", "cachecontrol", "prompt caching"),
    "output_config": ("output_config", "effort"),
    "thinking": ("thinking",),
    "web_fetch": ("web_fetch",),
    "web_search": ("web_search",),
}
SERVER_TOOLS = ("web_search", "web_fetch")
_VAGUE = re.compile(
    r"extra inputs|extra fields|unknown (field|param)|unexpected|unrecogni[sz]ed|unsupported|not supported|additional propert",
    re.IGNORECASE,
)
# Between the parts of a path: `messages.2`, `messages[2]`, `/messages/2`, `["body", "messages", 2]`, `body -> messages -> 2`.
BETWEEN = r"""(?:\]?[./]|\]?\[|["']?\s*,\s*["']?|\s*->\s*)"""
_POINTED = re.compile(r"""\bmessages(?:[./\[]|["']\s*,\s*|\s*->\s*)\d""")
_TOOL = re.compile(r"tools(?:\.|\[)(\d+)")


def detail_of(body: object) -> str:
    """What an error's body says, in the API's own shape or in one of those that stand before it."""
    if not isinstance(body, dict):
        return body if isinstance(body, str) else ""
    error = body.get("error")
    for said in (
        error.get("message") if isinstance(error, dict) else error,
        body.get("message"),
        body.get("detail"),
    ):
        if said:
            return _innermost(said) if isinstance(said, str) else json.dumps(said)
    return ""


def _innermost(said: str) -> str:
    """The API's own words, where a gateway quotes its whole answer: `…Exception - {"type":"error","error":{…}}`."""
    start = said.find("{")
    if start < 0:
        return said
    try:
        quoted, _ = json.JSONDecoder().raw_decode(said[start:])
    except (ValueError, RecursionError):
        return said
    return (detail_of(quoted) if "error" in quoted else "") or said


def refused_in(request: Mapping[str, Any], detail: str) -> str:
    """The optional field of this request that a refusal is about; '' for none."""
    tools = [tool for tool in request.get("tools") or () if isinstance(tool, dict)]
    return refused_by(detail, present(request), [str(tool.get("name")) for tool in tools])


def present(request: Mapping[str, Any]) -> set[str]:
    tools = {str(tool.get("name")) for tool in request.get("tools") or () if isinstance(tool, dict)}
    return {field for field in WORDS if field in request} | tools.intersection(SERVER_TOOLS)


def refused_by(detail: str, present: Collection[str], tools: Sequence[str]) -> str:
    """The optional field, out of those that a request had, which a refusal is about; '' for none."""
    said = detail.lower()
    pointed = _POINTED.search(said) is not None
    for field, words in WORDS.items():
        if field in present and any(word in said for word in words):
            if pointed and field != "cache_control":
                return ""
            return field
    if pointed:
        return ""
    if (tool := _TOOL.search(said)) and int(tool[1]) < len(tools) and tools[int(tool[1])] in present:
        return tools[int(tool[1])]
    if _VAGUE.search(said) and "messages" not in said and not tool:
        return next((field for field in WORDS if field in present), "")
    return ""

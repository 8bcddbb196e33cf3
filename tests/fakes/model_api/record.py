"""What the server keeps of each call."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from tests.fakes.model_api.cache import CacheReport, as_blocks
from tests.fakes.model_api.errors import JSON

Outcome = Literal["pending", "answered", "refused", "dropped", "truncated", "abandoned"]


@dataclass
class RecordedRequest:
    """One call as it came, and how it ended.

    `abandoned` means the client went away before the end. `billed` is the usage that counts as spent, whether
    or not the client ever saw it.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    raw: bytes
    id: str
    json: JSON = field(default_factory=dict)
    cache: CacheReport = field(default_factory=CacheReport)
    outcome: Outcome = "pending"
    status: int = 0
    refusal: str = ""
    billed: JSON | None = None
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def betas(self) -> frozenset[str]:
        named = self.headers.get("anthropic-beta", "").split(",")
        return frozenset(beta.strip() for beta in named if beta.strip())

    @property
    def streams(self) -> bool:
        return self.json.get("stream") is True

    @property
    def last_message(self) -> JSON:
        messages: list[JSON] = self.json.get("messages") or [{}]
        return messages[-1]

    @property
    def user_text(self) -> str:
        """The text of the last user message; system notes behind it are passed over."""
        for message in reversed(self.json.get("messages") or []):
            if message.get("role") == "user":
                blocks = as_blocks(message.get("content") or [])
                return "\n".join(block["text"] for block in blocks if block.get("type") == "text")
        return ""

    @property
    def tool_results(self) -> dict[str, str]:
        """The results the last user message brings, as text, by the id of their call."""
        for message in reversed(self.json.get("messages") or []):
            if message.get("role") == "user":
                blocks = as_blocks(message.get("content") or [])
                return {
                    block["tool_use_id"]: _text_of(block.get("content"))
                    for block in blocks
                    if block.get("type") == "tool_result"
                }
        return {}

    @property
    def system_text(self) -> str:
        return _text_of(self.json.get("system"))

    @property
    def conversation(self) -> str:
        """All messages rendered, to look for a phrase anywhere."""
        return json.dumps(self.json.get("messages") or [], ensure_ascii=False)

    @property
    def tool_names(self) -> list[str]:
        return [str(tool.get("name")) for tool in self.json.get("tools") or []]

    def end(self, outcome: Outcome, status: int) -> None:
        self.outcome = outcome
        self.status = status
        self.finished.set()


def _text_of(content: str | list[JSON] | None) -> str:
    if not content:
        return ""
    return "\n".join(str(block.get("text", "")) for block in as_blocks(content))

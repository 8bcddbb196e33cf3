"""What Slack would fetch to show a preview: every address it makes a link of, unless the call has its switch off."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from markdown_it import MarkdownIt

ADDRESS = re.compile(
    r"https?://[^\s<>|)\]]+|\b(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:com|org|net|io|dev|example)\b[^\s<>|)]*",
    re.IGNORECASE,
)
SAYING = frozenset(
    {
        "chat.postMessage",
        "chat.update",
        "chat.postEphemeral",
        "chat.startStream",
        "chat.appendStream",
        "chat.stopStream",
        "files.completeUploadExternal",
    }
)
SWITCHES = ("unfurl_links", "unfurl_media")


def fetched(arguments: dict[str, Any], said: Any) -> list[str]:
    """Of a call that has the switches when both are off: nothing ("chat.postMessage": unfurl_links, unfurl_media)."""
    if all(str(arguments.get(name)).lower() in ("false", "0") for name in SWITCHES):
        return []
    return [address for text in _texts(said) for address in ADDRESS.findall(text)]


def _in_markdown(text: str) -> Iterator[str]:
    """What stands in no code, and where links lead, for a reader of Markdown."""
    for block in MarkdownIt("commonmark").enable("table").parse(text):
        for token in block.children or ():
            yield token.content if token.type == "text" else str(token.attrs.get("href", ""))


def _texts(node: Any) -> Iterator[str]:
    """In rich text a link is stated, and code; of words anywhere else nobody documents where code begins."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict) and node.get("type") == "markdown":
        yield from _in_markdown(str(node["text"]))
    elif isinstance(node, dict) and node.get("type") == "link":
        yield str(node["url"])
    elif isinstance(node, dict) and (
        node.get("type") == "rich_text_preformatted" or (node.get("style") or {}) == {"code": True}
    ):
        return
    elif isinstance(node, list):
        for one in node:
            yield from _texts(one)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in (
                "text",
                "title",
                "blocks",
                "elements",
                "fields",
                "chunks",
                "attachments",
                "markdown_text",
                "initial_comment",
            ):
                yield from _texts(value)

"""What Slack refuses for its size or shape. Pure checks over numbers that a test may change."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from .errors import ApiError, RateLimitedError
from .records import Json

EVENT_TYPE = re.compile(r"[A-Za-z0-9_-]+")

# "Block Kit: Blocks". An unknown type fails the whole message with invalid_blocks.
MESSAGE_BLOCKS = frozenset(
    {
        "actions",
        "alert",
        "card",
        "carousel",
        "context",
        "context_actions",
        "data_table",
        "divider",
        "file",
        "header",
        "image",
        "markdown",
        "plan",
        "rich_text",
        "section",
        "table",
        "task_card",
        "video",
    }
)
VIEW_BLOCKS = frozenset(
    {
        "actions",
        "alert",
        "context",
        "divider",
        "header",
        "image",
        "input",
        "rich_text",
        "section",
        "video",
    }
)


WITH_OPTIONS = frozenset({"checkboxes", "multi_static_select", "radio_buttons", "static_select"})


@dataclass
class Limits:
    """The numbers; each with the page that states it."""

    text: int = 40_000  # "Truncating really long messages": cut there, with a warning
    update_text: int = 4_000  # "chat.update": msg_too_long above it
    blocks: int = 50  # "Block Kit: Blocks", per message
    view_blocks: int = 100  # the same page, per modal or Home
    section_text: int = 3_000  # "Section block"
    section_field: int = 2_000  # "Section block": fields
    section_fields: int = 10  # "Section block"
    context_items: int = 10  # "Context block"
    attachments: int = 100  # "chat.postMessage": too_many_attachments
    option_text: int = 75  # "Option object"
    option_value: int = 150  # the same page
    options: int = 100  # "Select menu element": options
    table_rows: int = 100  # "Table block"
    table_cells: int = 20  # the same page, per row
    data_rows: int = 101  # "Data table block": the head and 100; a later page says 200
    data_text: int = 10_000  # the same page: characters of all cells; a later one says 20,000
    image_text: int = 2_000  # "Image block": alt_text; the address may have 3,000
    header_text: int = 150  # "Header block"
    button_text: int = 75  # "Button element"
    element_value: int = 2_000  # "Button element": value
    element_id: int = 255  # action_id and block_id
    elements: int = 25  # "Actions block"
    context_elements: int = 5  # "Context actions block"
    markdown_total: int = 12_000  # "Markdown block": cumulative over the message
    blocks_total: int = 13_200  # FACTS, measured: all text in the blocks together
    markdown_text: int = 12_000  # "chat.postMessage": markdown_text; also each append to a stream
    metadata_bytes: int = 16_384  # the page names no number; "metadata_too_large" exists
    view_title: int = 24  # "Views"
    private_metadata: int = 3_000  # "Views"
    session_title: int = 200  # "agents.sessions.setStatus"
    view_stack: int = 3  # "views.push": push_limit_reached
    unknown_blocks: frozenset[str] = frozenset()  # not everywhere is every block: "invalid_blocks" then
    response_url_uses: int = 5  # "Handling user interaction": response_url, five times in 30 minutes
    response_url_lifetime: float = 1_800.0  # seconds
    channel_rate: float | None = (
        None  # "chat.postMessage": one message a second and channel; None switches it off
    )
    history_pause: float | None = (
        None  # s between two calls of conversations.history, and of conversations.replies, in a
    )
    # workspace: 60 for apps that are distributed outside of the Marketplace ("Rate limits"); None switches it off
    history_page: int = 15  # the same page: the most and the usual number of objects, where it is on
    channel_burst: int = 3  # "Rate limits": short bursts are let through; the size is not documented


def message_text(limits: Limits, text: str) -> tuple[str, list[str]]:
    """The text as stored, and the warnings to answer with."""
    if len(text) <= limits.text:
        return text, []
    return text[: limits.text], ["message_truncated"]


def metadata(limits: Limits, value: Any) -> tuple[Json | None, list[str]]:
    """A bad event_type is a warning and the metadata ignored ("Using message metadata"); the rest refuses."""
    if value is None or value == {}:
        return None, []
    if not isinstance(value, dict) or not isinstance(value.get("event_payload"), dict):
        raise ApiError("invalid_metadata_format")
    if len(json.dumps(value).encode()) > limits.metadata_bytes:
        raise ApiError("metadata_too_large")
    if not EVENT_TYPE.fullmatch(str(value.get("event_type", ""))):
        return None, ["invalid_metadata_schema"]
    return {"event_type": value["event_type"], "event_payload": value["event_payload"]}, []


def message_blocks(limits: Limits, blocks: list[Json]) -> None:
    _blocks(limits, blocks, MESSAGE_BLOCKS - limits.unknown_blocks, limits.blocks)
    if sum(block["type"] in ("table", "data_table") for block in blocks) > 1:
        raise _invalid("/blocks", "only one table is allowed")
    markdown = sum(len(str(block.get("text", ""))) for block in blocks if block["type"] == "markdown")
    total = sum(len(text) for block in blocks for text in _texts(block))
    if markdown > limits.markdown_total or total > limits.blocks_total:
        raise ApiError("msg_blocks_too_long")


def view(limits: Limits, body: Json) -> None:
    if body.get("type") not in ("modal", "home"):
        raise _invalid("/view/type", "unsupported type", error="invalid_arguments")
    if len(str(body.get("private_metadata", ""))) > limits.private_metadata:
        raise _invalid(
            "/view/private_metadata", f"must be less than {limits.private_metadata + 1} characters"
        )
    if body["type"] == "modal":
        title = body.get("title", {}).get("text", "")
        if not title or len(title) > limits.view_title:
            raise _invalid("/view/title/text", f"must be less than {limits.view_title + 1} characters")
        if any(block.get("type") == "input" for block in body["blocks"]) and "submit" not in body:
            raise _invalid("/view/submit", "missing required field: submit")
    _blocks(limits, body.get("blocks", []), VIEW_BLOCKS, limits.view_blocks)


def _invalid(pointer: str, reason: str, *, error: str = "invalid_blocks") -> ApiError:
    detail = f"{reason} [json-pointer:{pointer}]"
    return ApiError(error, errors=[detail], response_metadata={"messages": [f"[ERROR] {detail}"]})


def _blocks(limits: Limits, blocks: Any, known: frozenset[str], most: int) -> None:
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise ApiError("invalid_blocks_format")
    if len(blocks) > most:
        raise _invalid("/blocks", f"no more than {most} items allowed")
    seen: set[str] = set()
    for number, block in enumerate(blocks):
        pointer = f"/blocks/{number}"
        if block.get("type") not in known:
            raise _invalid(f"{pointer}/type", f"unsupported type: {block.get('type')}")
        block_id = str(block.get("block_id", ""))
        if len(block_id) > limits.element_id or block_id in seen - {""}:
            raise _invalid(f"{pointer}/block_id", "block_id must be unique and short")
        seen.add(block_id)
        if (check := CHECKS.get(block["type"])) is not None:
            check(limits, block, pointer)


def _length(pointer: str, value: Any, most: int) -> None:
    if not isinstance(value, str) or not value:
        raise _invalid(pointer, "must be more than 0 characters")
    if len(value) > most:
        raise _invalid(pointer, f"must be less than {most + 1} characters")


def _text_object(pointer: str, value: Any, most: int, *, plain: bool = False) -> None:
    kinds = ("plain_text",) if plain else ("plain_text", "mrkdwn")
    if not isinstance(value, dict) or value.get("type") not in kinds:
        raise _invalid(pointer, "failed to match all allowed schemas")
    _length(f"{pointer}/text", value.get("text"), most)


def attachments(limits: Limits, value: Any) -> list[Json]:
    """Of a message, checked ("chat.postMessage": errors)."""
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise ApiError("invalid_attachments" if value else "invalid_arguments")
    if len(value) > limits.attachments:
        raise ApiError("too_many_attachments")
    return value


def _context(limits: Limits, block: Json, pointer: str) -> None:
    elements = block.get("elements", [])
    if not 0 < len(elements) <= limits.context_items:
        raise _invalid(f"{pointer}/elements", f"no more than {limits.context_items} items allowed")
    for number, element in enumerate(elements):
        if element.get("type") == "image":
            _image(limits, element, f"{pointer}/elements/{number}")
        else:
            _text_object(f"{pointer}/elements/{number}", element, limits.section_text)


def _image(limits: Limits, block: Json, pointer: str) -> None:
    _length(f"{pointer}/alt_text", block.get("alt_text"), limits.image_text)
    if "slack_file" not in block:
        _length(f"{pointer}/image_url", block.get("image_url"), limits.section_text)


def _table(limits: Limits, block: Json, pointer: str) -> None:
    rows = block.get("rows")
    if not isinstance(rows, list) or not 0 < len(rows) <= limits.table_rows:
        raise _invalid(f"{pointer}/rows", f"no more than {limits.table_rows} items allowed")
    for number, row in enumerate(rows):
        if not 0 < len(row) <= limits.table_cells:
            raise _invalid(f"{pointer}/rows/{number}", f"no more than {limits.table_cells} items allowed")


def _data_table(limits: Limits, block: Json, pointer: str) -> None:
    rows = block.get("rows")
    if not block.get("caption"):
        raise _invalid(f"{pointer}/caption", "missing required field: caption")
    if not 0 < block.get("page_size", 5) <= 100:
        raise _invalid(f"{pointer}/page_size", "must be between 1 and 100")
    if not isinstance(rows, list) or not 1 < len(rows) <= limits.data_rows:
        raise _invalid(f"{pointer}/rows", f"between 2 and {limits.data_rows} items allowed")
    if len({len(row) for row in rows}) != 1 or not 0 < len(rows[0]) <= limits.table_cells:
        raise _invalid(f"{pointer}/rows", "all rows must have the same number of values")
    if sum(len(text) for text in _texts(rows)) > limits.data_text:
        raise _invalid(f"{pointer}/rows", f"must be less than {limits.data_text + 1} characters")
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            here = f"{pointer}/rows/{row}/{column}"
            kind = cell.get("type")
            if kind not in ("raw_text", "raw_number", "rich_text") or (kind == "rich_text" and not row):
                raise _invalid(f"{here}/type", f"unsupported type: {kind}")
            if kind != "rich_text" and not cell.get("text"):
                raise _invalid(f"{here}/text", "must be more than 0 characters")
            if kind == "raw_number" and not isinstance(cell.get("value"), int | float):
                raise _invalid(f"{here}/value", "must be a number")


def _options(limits: Limits, element: Json, pointer: str) -> None:
    options = element.get("options", [])
    if not 0 < len(options) <= limits.options:
        raise _invalid(f"{pointer}/options", f"no more than {limits.options} items allowed")
    for number, option in enumerate(options):
        here = f"{pointer}/options/{number}"
        _text_object(f"{here}/text", option.get("text"), limits.option_text)
        _length(f"{here}/value", option.get("value"), limits.option_value)


def _section(limits: Limits, block: Json, pointer: str) -> None:
    if "text" not in block and not block.get("fields"):
        raise _invalid(pointer, "missing required field: text")
    if "text" in block:
        _text_object(f"{pointer}/text", block["text"], limits.section_text)
    if len(block.get("fields", [])) > limits.section_fields:
        raise _invalid(f"{pointer}/fields", f"no more than {limits.section_fields} items allowed")
    for number, each in enumerate(block.get("fields", [])):
        _text_object(f"{pointer}/fields/{number}", each, limits.section_field)
    if "accessory" in block:
        _element(limits, block["accessory"], f"{pointer}/accessory")


def _header(limits: Limits, block: Json, pointer: str) -> None:
    _text_object(f"{pointer}/text", block.get("text"), limits.header_text, plain=True)


def _markdown(limits: Limits, block: Json, pointer: str) -> None:
    if not isinstance(block.get("text"), str) or not block["text"]:
        raise _invalid(f"{pointer}/text", "must be more than 0 characters")


def _actions(limits: Limits, block: Json, pointer: str) -> None:
    elements = block.get("elements", [])
    if not 0 < len(elements) <= limits.elements:
        raise _invalid(f"{pointer}/elements", f"between 1 and {limits.elements} items allowed")
    named = [element["action_id"] for element in elements if element.get("action_id")]
    if len(set(named)) < len(named):
        raise _invalid(f"{pointer}/elements", "action_id must be unique in its block")
    for number, element in enumerate(elements):
        _element(limits, element, f"{pointer}/elements/{number}")


def _context_actions(limits: Limits, block: Json, pointer: str) -> None:
    """ "Context actions block", "Feedback buttons element", "Icon button element"."""
    elements = block.get("elements", [])
    if not 0 < len(elements) <= limits.context_elements:
        raise _invalid(f"{pointer}/elements", f"between 1 and {limits.context_elements} items allowed")
    for number, element in enumerate(elements):
        at = f"{pointer}/elements/{number}"
        _element(limits, element, at)
        if element.get("type") == "feedback_buttons":
            for which in ("positive_button", "negative_button"):
                _feedback(limits, element.get(which), f"{at}/{which}")
        elif element.get("type") != "icon_button" or element.get("icon") != "trash":
            raise _invalid(f"{at}/type", "unsupported type")


def _feedback(limits: Limits, button: Any, pointer: str) -> None:
    if not isinstance(button, dict) or not button.get("value"):
        raise _invalid(f"{pointer}/value", "missing required field: value")
    _text_object(f"{pointer}/text", button.get("text"), limits.button_text, plain=True)
    if len(str(button["value"])) > limits.element_value:
        raise _invalid(f"{pointer}/value", f"must be less than {limits.element_value + 1} characters")
    if len(str(button.get("accessibility_label", ""))) > limits.button_text:
        raise _invalid(f"{pointer}/accessibility_label", "too long")


def _input(limits: Limits, block: Json, pointer: str) -> None:
    _text_object(f"{pointer}/label", block.get("label"), limits.element_value, plain=True)
    if not isinstance(block.get("element"), dict):
        raise _invalid(f"{pointer}/element", "missing required field: element")


def _element(limits: Limits, element: Json, pointer: str) -> None:
    if len(str(element.get("action_id", ""))) > limits.element_id:
        raise _invalid(f"{pointer}/action_id", f"must be less than {limits.element_id + 1} characters")
    if element.get("type") in WITH_OPTIONS:
        _options(limits, element, pointer)
    if element.get("type") == "button":
        _text_object(f"{pointer}/text", element.get("text"), limits.button_text, plain=True)
        if len(str(element.get("value", ""))) > limits.element_value:
            raise _invalid(f"{pointer}/value", f"must be less than {limits.element_value + 1} characters")


Check = Callable[[Limits, Json, str], None]
CHECKS: dict[str, Check] = {
    "section": _section,
    "context": _context,
    "image": _image,
    "table": _table,
    "data_table": _data_table,
    "header": _header,
    "markdown": _markdown,
    "actions": _actions,
    "context_actions": _context_actions,
    "input": _input,
}


def _texts(node: Any) -> Iterator[str]:
    """Every visible string of a block: the `text` members, however deep."""
    if isinstance(node, list):
        for each in node:
            yield from _texts(each)
    elif isinstance(node, dict):
        for name, value in node.items():
            if name == "text" and isinstance(value, str):
                yield value
            else:
                yield from _texts(value)


@dataclass
class ChannelRate:
    """A token bucket per channel for messages ("Rate limits": about one a second, bursts allowed)."""

    limits: Limits
    now: Callable[[], float]
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)  # channel -> (tokens, at)

    def spend(self, channel_id: str) -> None:
        rate, burst = self.limits.channel_rate, float(self.limits.channel_burst)
        if rate is None:
            return
        tokens, at = self._buckets.get(channel_id, (burst, self.now()))
        tokens = min(burst, tokens + (self.now() - at) * rate)
        if tokens < 1:
            self._buckets[channel_id] = (tokens, self.now())
            raise RateLimitedError(retry_after=max(1, round((1 - tokens) / rate)))
        self._buckets[channel_id] = (tokens - 1, self.now())


@dataclass
class HistoryRate:
    """One turn for each method in a workspace; a refused call costs none."""

    limits: Limits
    now: Callable[[], float]
    _taken: dict[str, float] = field(default_factory=dict)  # by method

    def spend(self, method: str) -> int | None:
        """How many objects it may give; None where there is no such limit."""
        if (pause := self.limits.history_pause) is None:
            return None
        left = self._taken.get(method, -pause) + pause - self.now()
        if left > 0:
            raise RateLimitedError(retry_after=max(1, math.ceil(left)))
        self._taken[method] = self.now()
        return self.limits.history_page

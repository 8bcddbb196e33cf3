"""A Slack message's payload, or a view's, as a page that looks like Slack."""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any

from bots.markup import slack, tree
from tests.pictures import html

Json = Mapping[str, Any]

STYLE = """
p code, li code, td code { color: #c01343; background: #f8f8f8; border: 1px solid #ddd; border-radius: 3px; padding: 1px 3px }
a, .mention { color: #1264a3; text-decoration: none } .mention { background: #e8f5fa; border-radius: 3px; padding: 0 2px }
h1, h2, h3, h4, h5, h6 { font-size: 18px; font-weight: 900 }
.section { display: flex; gap: 16px; margin: 6px 0; justify-content: space-between; align-items: flex-start }
.header { font-size: 18px; font-weight: 900; margin: 16px 0 4px } .context { font-size: 13px; color: #616061; margin: 6px 0 }
.actions { display: flex; flex-wrap: wrap; gap: 8px; margin: 8px 0 }
.button { border: 1px solid #bbb; border-radius: 4px; padding: 3px 12px; font-weight: 700; font-size: 14px; background: #fff;
  white-space: nowrap } .button.primary { background: #007a5a; color: #fff; border-color: #007a5a }
.button.danger { color: #e01e5a; border-color: #e01e5a } .menu::after { content: "▾"; padding-left: 24px; color: #616061 }
.label { font-weight: 700; margin: 12px 0 4px } .field { border: 1px solid #bbb; border-radius: 4px; padding: 5px 12px }"""


def page(messages: Iterable[slack.SlackChunk]) -> str:
    return _page("".join(message(chunk.blocks) for chunk in messages))


def message(blocks: Iterable[Json], name: str = "Dovecote", face: str = "D") -> str:
    return html.message("".join(map(_block, blocks)), name, face)


def posted(messages: Iterable[Json], faces: Mapping[str, str]) -> str:
    """As they are in the channel, each under its own name; `faces` are pictures by name."""
    shown = ((one.get("blocks") or [_words(one["text"])], str(one["username"])) for one in messages)
    return _page("".join(message(blocks, name, faces[name]) for blocks, name in shown))


def _words(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def thread(messages: Iterable[Iterable[Json]]) -> str:
    """Messages of the bot, one below the other."""
    return _page("".join(map(message, messages)))


def view(blocks: Iterable[Json]) -> str:
    """Home, or a form."""
    return _page("".join(map(_block, blocks)))


def _page(body: str) -> str:
    return html.PAGE.format(
        body='background: #fff; color: #1d1c1d; font: 15px "Noto Sans", "Noto Sans CJK JP", sans-serif',
        face="border-radius: 8px",
        name="font-weight: 900",
        app="background: #e8e8e8; color: #616061",
        pre="background: #f8f8f8; border: 1px solid #ddd",
        bar="#ddd",
        extra=STYLE,
        messages=body,
    )


def _block(block: Json) -> str:
    match block["type"]:
        case "markdown":
            return html.blocks(tree.parse(block["text"]))
        case "data_table":
            return _table(block)
        case "rich_text":
            return "".join(map(_rich, block["elements"]))
        case "section":
            beside = _element(block["accessory"]) if "accessory" in block else ""
            return f'<div class="section"><div>{_text(block["text"])}</div>{beside}</div>'
        case "header":
            return f'<div class="header">{_text(block["text"])}</div>'
        case "context":
            return f'<div class="context">{"".join(map(_text, block["elements"]))}</div>'
        case "actions" | "context_actions":
            return f'<div class="actions">{"".join(map(_element, block["elements"]))}</div>'
        case "input":
            return f'<div class="label">{_text(block["label"])}</div>{_element(block["element"])}'
    raise ValueError(block["type"])


def _table(block: Json) -> str:
    """Sorted and turned over by buttons in Slack; numbers stand to the right."""
    head, *rows = block["rows"]
    heads = "".join(f"<th>{_cell(cell)} <small>⇅</small></th>" for cell in head)
    shown = "".join(f"<tr>{''.join(map(_column, row))}</tr>" for row in rows[: block["page_size"]])
    pages = -(-len(rows) // block["page_size"])
    foot = f'<div class="context">1 of {pages}</div>' if pages > 1 else ""
    return (
        f'<div class="context">{escape(block["caption"])}</div><table><tr>{heads}</tr>{shown}</table>{foot}'
    )


def _column(cell: Json) -> str:
    side = ' style="text-align: right"' if cell["type"] == "raw_number" else ""
    return f"<td{side}>{_cell(cell)}</td>"


def _cell(cell: Json) -> str:
    return _block(cell) if cell["type"] == "rich_text" else escape(str(cell["text"]))


def _rich(part: Json) -> str:
    inside = "".join(map(_rich, part.get("elements", ())))
    match part["type"]:
        case "rich_text_list":
            kind = "ol" if part["style"] == "ordered" else "ul"
            items = "".join(f"<li>{_rich(item)}</li>" for item in part["elements"])
            return f'<{kind} style="margin-left: {part.get("indent", 0) * 24}px">{items}</{kind}>'
        case "rich_text_preformatted":
            return f"<pre>{inside}</pre>"
        case "rich_text_quote":
            return f"<blockquote>{inside}</blockquote>"
        case "rich_text_section":
            return f"<p>{inside}</p>"
    shown = escape(part.get("text") or part.get("url") or f"@{part.get('user_id', part.get('name', ''))}")
    for style, tag in (("bold", "b"), ("italic", "i"), ("strike", "s"), ("code", "code")):
        shown = f"<{tag}>{shown}</{tag}>" if part.get("style", {}).get(style) else shown
    return shown.replace("\n", "<br>") if part["type"] == "text" else f'<span class="mention">{shown}</span>'


def _element(element: Json) -> str:
    match element["type"]:
        case "button":
            return f'<span class="button {element.get("style", "")}">{_text(element["text"])}</span>'
        case "feedback_buttons":
            pressed = ("positive_button", "negative_button")
            return "".join(
                f'<span class="button">{_text(element[which]["text"])}</span>' for which in pressed
            )
        case "static_select":
            shown = element.get("initial_option", {}).get("text") or element["placeholder"]
            return f'<span class="button menu">{_text(shown)}</span>'
        case "multi_static_select" | "multi_users_select":
            chosen = [_text(option["text"]) for option in element.get("initial_options", ())]
            chosen += map(escape, element.get("initial_users", ()))
            return f'<span class="button menu">{", ".join(chosen) or "&nbsp;"}</span>'
        case "checkboxes":
            return "".join(f"<div>☐ {_text(option['text'])}</div>" for option in element["options"])
        case "plain_text_input":
            return f'<div class="field">{escape(element.get("initial_value", "")) or "&nbsp;"}</div>'
    raise ValueError(element["type"])


def _text(text: Json) -> str:
    """mrkdwn's text is escaped already, and stays so."""
    if text["type"] == "plain_text":
        return escape(text["text"]).replace("\n", "<br>")
    shown = _ENTITY.sub(_entity, text["text"])
    for mark, tag in (("*", "b"), ("_", "i"), ("~", "s"), ("`", "code")):
        shown = re.sub(
            rf"(?<![\w{mark}]){re.escape(mark)}([^{mark}\n]+){re.escape(mark)}(?!\w)",
            rf"<{tag}>\1</{tag}>",
            shown,
        )
    return shown.replace("\n", "<br>")


_ENTITY = re.compile(r"<(?P<kind>[@#!]|(?=https?:))(?P<target>[^<>|]+)(?:\|(?P<label>[^<>]*))?>")


def _entity(match: re.Match[str]) -> str:
    if match["kind"] == "!":
        at = datetime.fromtimestamp(int(match["target"].split("^")[1]), UTC)
        return at.strftime("%b %-d at %-I:%M %p")
    if not match["kind"]:
        return f'<a href="{match["target"]}">{match["label"]}</a>'
    return f'<span class="mention">{match["kind"]}{match["label"] or match["target"]}</span>'

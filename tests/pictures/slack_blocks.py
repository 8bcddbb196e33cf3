"""A Slack message's payload as a page that looks like Slack."""

from collections.abc import Iterable, Mapping
from typing import Any

from bots.markup import slack, tree
from tests.pictures import html


def page(messages: Iterable[slack.SlackChunk]) -> str:
    return html.PAGE.format(
        body='background: #fff; color: #1d1c1d; font: 15px "Noto Sans", "Noto Sans CJK JP", sans-serif',
        face="border-radius: 8px",
        name="font-weight: 900",
        app="background: #e8e8e8; color: #616061",
        pre="background: #f8f8f8; border: 1px solid #ddd",
        bar="#ddd",
        extra="p code, li code, td code { color: #c01343; background: #f8f8f8; border: 1px solid #ddd;"
        " border-radius: 3px; padding: 1px 3px } a { color: #1264a3; text-decoration: none }"
        " h1, h2, h3, h4, h5, h6 { font-size: 18px; font-weight: 900 }",
        messages="".join(html.MESSAGE.format(body="".join(map(_block, chunk.blocks))) for chunk in messages),
    )


def _block(block: Mapping[str, Any]) -> str:
    if block["type"] != "markdown":
        raise ValueError(block["type"])
    return html.blocks(tree.parse(block["text"]))

"""Discord messages as a page that looks like Discord."""

import re
from collections.abc import Iterable

from bots.markup import tree
from tests.pictures import html


def page(messages: Iterable[str]) -> str:
    return framed("".join(html.message(html.blocks(tree.parse(_common(text)))) for text in messages))


def framed(messages: str, style: str = "") -> str:
    """`messages` is HTML."""
    return html.PAGE.format(
        body='background: #313338; color: #dbdee1; font: 15px "Noto Sans", "Noto Sans CJK JP", sans-serif',
        face="border-radius: 50%",
        name="color: #f2f3f5",
        app="background: #5865f2; color: #fff",
        pre="background: #2b2d31; border: 1px solid #1e1f22",
        bar="#4e5058",
        extra="p code, li code { background: #1e1f22; border-radius: 3px; padding: 1px 4px }"
        " a { color: #00a8fc; text-decoration: none }"
        " h1 { font-size: 23px } h2 { font-size: 19px } h3 { font-size: 16px }" + style,
        messages=messages,
    )


def _common(text: str) -> str:
    """Discord's dialect as common Markdown: its own escapes dropped, a list or quote may follow any line."""
    return re.sub(r"\\(?=\|)", "", text)

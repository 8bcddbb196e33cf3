"""The tree as HTML: the part that pictures of both platforms share."""

import html
from collections.abc import Iterable

from bots.markup import tree

PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; padding: 20px; width: 720px; line-height: 1.46; {body} }}
.message {{ display: flex; gap: 10px; margin-bottom: 14px }} .words {{ min-width: 0; flex: 1 }}
.face {{ width: 38px; height: 38px; flex: none; background: #5b7c99; color: #fff; font: 20px/38px serif;
  text-align: center; {face} }}
.name {{ font-weight: 700; {name} }} .app {{ font-size: 10px; padding: 1px 4px; border-radius: 3px; {app} }}
p, ul, ol, pre, blockquote, table, h1, h2, h3, h4, h5, h6 {{ margin: 4px 0 }} ul, ol {{ padding-left: 26px }}
pre {{ overflow: hidden; white-space: pre-wrap; padding: 8px; border-radius: 4px; {pre} }}
code, pre {{ font-family: "DejaVu Sans Mono", "Noto Sans Mono CJK JP", monospace; font-size: 12.5px }}
blockquote {{ border-left: 4px solid {bar}; padding-left: 12px; border-radius: 2px }}
table {{ border-collapse: collapse }} td, th {{ border: 1px solid #ddd; padding: 4px 10px; text-align: left }}
{extra}
</style>{messages}"""

MESSAGE = """<div class="message"><div class="face">{face}</div><div class="words">
<div><span class="name">{name}</span> <span class="app">APP</span></div>{body}</div></div>"""


def message(body: str, name: str = "Dovecote", face: str = "D") -> str:
    """`body` is HTML; `face` is a letter, or an emoji."""
    return MESSAGE.format(body=body, name=html.escape(name), face=html.escape(face))


def blocks(parsed: Iterable[tree.Block]) -> str:
    return "".join(map(_block, parsed))


def _block(block: tree.Block) -> str:
    match block:
        case tree.Paragraph():
            return f"<p>{inline(block.inline)}</p>"
        case tree.Heading():
            return f"<h{block.level}>{inline(block.inline)}</h{block.level}>"
        case tree.Code():
            return f"<pre>{html.escape(block.text)}</pre>"
        case tree.Rule():
            return "<hr>"
        case tree.Quote():
            return f"<blockquote>{blocks(block.blocks)}</blockquote>"
        case tree.Table():
            return _table(block)
        case tree.List():
            return _list(block)


def _list(block: tree.List) -> str:
    items = "".join(f"<li{_value(item)}>{_box(item)}{_inside(item)}</li>" for item in block.items)
    return f"<ul>{items}</ul>" if block.items[0].number is None else f"<ol>{items}</ol>"


def _inside(item: tree.Item) -> str:
    first, rest = item.blocks[:1], item.blocks[1:]
    return "".join(inline(block.inline) for block in first if isinstance(block, tree.Paragraph)) + blocks(
        rest if first and isinstance(first[0], tree.Paragraph) else item.blocks
    )


def _value(item: tree.Item) -> str:
    if item.checked is not None:
        return ' style="list-style: none"'
    return "" if item.number is None else f' value="{item.number}"'


def _box(item: tree.Item) -> str:
    return {None: "", True: "☑ ", False: "☐ "}[item.checked]


def _table(block: tree.Table) -> str:
    def row(cells: tuple[tree.Inline, ...], tag: str) -> str:
        filled = zip(cells, block.aligns, strict=True)
        return "".join(f'<{tag} style="text-align:{align}">{inline(cell)}</{tag}>' for cell, align in filled)

    rows = [row(block.head, "th"), *(row(cells, "td") for cells in block.rows)]
    return "<table>" + "".join(f"<tr>{cells}</tr>" for cells in rows) + "</table>"


def inline(runs: tree.Inline) -> str:
    return "".join(map(_run, runs))


def _run(run: tree.Run) -> str:
    text = html.escape(run.text).replace("\n", "<br>").replace(tree.BREAK, "<br>")
    for tag, wanted in (("code", run.code), ("s", run.strike), ("i", run.italic), ("b", run.bold)):
        text = f"<{tag}>{text}</{tag}>" if wanted else text
    return f'<a href="{html.escape(run.href)}">{text}</a>' if run.href else text

"""A terminal's screen as a page, for a picture."""

import html

import pyte

PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #1e2127 }}
pre {{ margin: 0; padding: 14px 18px; display: inline-block; color: #dcdfe4; line-height: 1.3;
  font: 14px "DejaVu Sans Mono", "Noto Sans Mono CJK JP", monospace }}
</style><pre>{lines}</pre>"""
COLOURS = {
    "default": "",
    "red": "#e06c75",
    "green": "#98c379",
    "brown": "#e5c07b",
    "blue": "#61afef",
    "cyan": "#56b6c2",
}
GREY = "#8a919e"


def page(screen: pyte.Screen) -> str:
    return PAGE.format(lines="\n".join(_line(screen, number) for number in range(screen.lines)).rstrip())


def _line(screen: pyte.Screen, number: int) -> str:
    row = screen.buffer[number]
    return "".join(_cell(row[column]) for column in range(screen.columns))


def _cell(char: pyte.screens.Char) -> str:
    colour = COLOURS.get(char.fg, f"#{char.fg}" if len(char.fg) == 6 else GREY)
    style = f"color:{colour};" if colour else ""
    if len(char.bg) == 6:
        style += f"background:#{char.bg};"
    if char.reverse:
        style += "background:#dcdfe4;color:#1e2127;"
    if char.bold:
        style += "font-weight:bold;"
    said = html.escape(char.data or "")
    return f'<span style="{style}">{said}</span>' if style else said

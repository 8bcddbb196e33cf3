"""Text as XML holds it, as `xml.sax.saxutils` would write it; importing that takes longer than all else that a reply needs."""

from __future__ import annotations

_TEXT = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_ATTRIBUTE = {**_TEXT, **str.maketrans({"\n": "&#10;", "\r": "&#13;", "\t": "&#9;"})}


def escape(text: str) -> str:
    return text.translate(_TEXT)


def quoteattr(text: str) -> str:
    """With its quotes, of the kind that it does not hold itself where there is one."""
    escaped = text.translate(_ATTRIBUTE)
    if '"' not in escaped:
        return f'"{escaped}"'
    return f"'{escaped}'" if "'" not in escaped else '"{}"'.format(escaped.replace('"', "&quot;"))

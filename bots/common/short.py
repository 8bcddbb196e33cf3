"""Texts that have a most, of which the end is seen to be missing."""

from __future__ import annotations


def shortened(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"

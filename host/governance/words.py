"""Times and lines for people."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

LONGEST_LINE = 300  # characters
LONGEST_NAME = 60


def zone_of(name: str, otherwise: str) -> ZoneInfo:
    """The person's zone if this machine knows it."""
    try:
        return ZoneInfo(name or otherwise)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(otherwise)


def moment(at: int, zone: ZoneInfo) -> str:
    """A moment (ms UTC) as the person's clock showed it; '' when the records keep none."""
    return f"{datetime.fromtimestamp(at / 1000, zone):%Y-%m-%d %H:%M:%S}" if at else ""


def one_line(text: str, most: int = LONGEST_LINE) -> str:
    return shortened(" ".join(text.split()), most)


def shortened(text: str, most: int = LONGEST_LINE) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def name(text: str) -> str:
    """A person's name as they chose it, without what would look like formatting or a mention."""
    kept = "".join(" " if c in "*_~`|<>[]()@#\\" else c for c in text)
    return " ".join(kept.split())[:LONGEST_NAME]

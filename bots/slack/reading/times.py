"""Slack's timestamps, which are the messages' ids as well."""

from __future__ import annotations


def ms(ts: object) -> int:
    """A Slack timestamp in milliseconds."""
    return microseconds(ts) // 1000


def microseconds(ts: object) -> int:
    """0 for what is none."""
    seconds, _, fraction = str(ts).partition(".")
    if not (seconds.isascii() and seconds.isdigit()) or len(seconds) > 12:
        return 0
    fraction = (fraction if fraction.isascii() and fraction.isdigit() else "") + "000000"
    return int(seconds) * 1_000_000 + int(fraction[:6])


def slack_ts(us: int) -> str:
    return f"{us // 1_000_000}.{us % 1_000_000:06}"

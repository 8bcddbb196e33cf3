"""The environment as people fill it: secret files end in a line break, env files keep their quotes."""

from __future__ import annotations

from collections.abc import Mapping

SEAL_KEY = "DOVECOTE_SEAL_KEY"  # seals the tokens that platforms and servers issue at run time
LABELS = "DOVECOTE_LABELS"  # of this node, in the place of those of the file, which nodes may share
SECRETS = ("_TOKEN", "_KEY", "_SECRET")  # how the names of secrets end


def tidied(environment: Mapping[str, str]) -> dict[str, str]:
    """The same with what surrounds a secret taken off: white space, a byte order mark, one pair of quotes."""
    return {name: _bare(value) if name.endswith(SECRETS) else value for name, value in environment.items()}


def unfit(value: str) -> str:
    """Why no header can carry this secret; '' when one can."""
    if any(char.isspace() for char in value):
        return "has a line break or a space in it: set it again, in one line"
    if not value.isascii() or not value.isprintable():
        return "has a character in it that no token has: copy it again"
    return ""


def _bare(value: str) -> str:
    value = value.strip().strip("\ufeff\u200b").strip()
    if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
        value = value[1:-1].strip()
    return value

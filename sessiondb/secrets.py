"""What looks like a secret among the settings of a program that runs in a container. Pure.

The patterns are texts, which `re` compiles when they are first asked: most starts of a runner ask none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

_NAMED = (
    r"(?i)"
    r"(?:^|[_\W])(?:api_?)?(?:tokens?|keys?|pat|secrets?|pass(?:word|wd|phrase)?|credentials?|auth(?:orization)?|bearer|cookie)$"
    r"|[a-z](?:token|secret|password|passwd|apikey)$"
)
_ALIKE = (
    r"\b(?:sk|pk|rk)[-_](?:[a-z0-9]+[-_])*[A-Za-z0-9]{12,}|\bgh[pousr]_\w{16,}|\bgithub_pat_\w+|\bglpat-\S+|\bxox[a-z]-\S+|\bxapp-\S+"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{16}\b|\bntn_\w+|\bsecret[_:]\S+|\bya29\.\S+|\bAIza[\w-]{20,}|\bhf_\w{16,}|\bnpm_\w{16,}"
    r"|\beyJ[\w-]+\.[\w-]+\.|\b(?:Bearer|Basic)\s+\S+|-----BEGIN [A-Z ]*PRIVATE KEY|\w+://[^/\s:@]*:[^/\s@]+@"
)
_HARMLESS = r"(?i)|\d{1,6}|true|false|yes|no|on|off"


def is_harmless(value: str) -> bool:
    """A value that is none, whatever its name."""
    return bool(re.fullmatch(_HARMLESS, value.strip()))


def is_secret(name: str, value: str) -> bool:
    if is_harmless(value):
        return False
    return bool(re.search(_NAMED, name) or re.search(_ALIKE, value))


def in_arguments(args: Sequence[str]) -> bool:
    """`--token abc`, `--token=abc`, or a value that shows what it is."""
    for before, value in zip(("", *args), args, strict=False):
        name, _, rest = value.partition("=")
        if is_secret("", value) or (rest and is_secret(name, rest)):
            return True
        if (
            before.startswith("-")
            and "=" not in before
            and not value.startswith("-")
            and is_secret(before, value)
        ):
            return True
    return False


def in_address(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.username or parts.password) or any(
        is_secret(name, value) for name, value in parse_qsl(parts.query)
    )

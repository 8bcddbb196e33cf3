"""Secrets kept in `.env`, beside the configuration: the environment wins over them, and nobody else may read them."""

from __future__ import annotations

import io
import re
import stat
from collections.abc import Mapping, MutableMapping
from pathlib import Path

from dotenv import set_key
from dotenv.parser import parse_stream

from host.config.errors import ConfigError, Fault
from host.config.files import text_of

OTHERS = stat.S_IRWXG | stat.S_IRWXO
NO_SETTING = "Write NAME=value, one to a line, and quotes around a value with spaces"
PLAIN = re.compile(r"[\w.+/=@:-]*", re.ASCII)  # needs no quotes, which older readers of such files would keep


def beside(config: Path | None) -> Path:
    """Where the secrets of this configuration are kept."""
    return (config.parent if config is not None else Path()) / ".env"


def read(file: Path) -> dict[str, str]:
    """What the file sets; nothing when it is not there. Raises `ConfigError`."""
    try:
        text = text_of(file)
    except FileNotFoundError:
        return {}
    found: dict[str, str] = {}
    faults: list[Fault] = []
    for line in parse_stream(io.StringIO(text)):
        if line.error:
            faults.append(Fault("", "is no setting", NO_SETTING, line.original.line))
        elif line.key and line.value is not None:
            found[line.key] = line.value
    if faults:
        raise ConfigError(file, faults)
    return found


def take_in(file: Path, environment: MutableMapping[str, str]) -> None:
    """Sets what the environment does not: what is set there by hand, or by a service, wins. Raises `ConfigError`."""
    for name, value in read(file).items():
        if not environment.get(name):
            environment[name] = value


def exposed(file: Path) -> str:
    """Why others may read the secrets; '' when they may not."""
    try:
        mode = file.stat().st_mode
    except OSError:
        return ""
    return f"other users of this machine may read it (mode {mode & 0o777:o})" if mode & OTHERS else ""


def write(file: Path, settings: Mapping[str, str]) -> None:
    """Sets these and keeps everything else, comments too. The file is closed to others before a secret is in it."""
    file.touch(mode=0o600)
    file.chmod(0o600)
    for name, value in settings.items():
        quotes = "never" if PLAIN.fullmatch(value) else "always"
        set_key(file, name, value, quote_mode=quotes, follow_symlinks=True)
    file.chmod(0o600)

"""The engine in PostgreSQL, whose library is an extra's: imported only where a folder's registry is there."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from host.registry.where import DATABASE
from sessiondb.errors import Unavailable

EXTRA = "the extra `cluster` is not installed: install requirements-cluster.lock beside the rest, or leave [cluster] out"


def by_extra() -> Any:
    """The module. Raises `Unavailable` where the extra is not installed."""
    try:
        from host.registry import postgresql
    except ImportError as error:
        raise Unavailable(DATABASE, EXTRA) from error
    return postgresql


def visiting() -> Any:
    """The module of commands beside a host. Raises `Unavailable`."""
    by_extra()
    from host.registry import visiting

    return visiting


def sharing() -> Any:
    """The modules of what nodes tell one another: `standby`, `keeping`, `hints`. Raises `Unavailable`."""
    by_extra()
    from host.registry import hints, keeping, standby

    return SimpleNamespace(standby=standby, keeping=keeping, hints=hints)

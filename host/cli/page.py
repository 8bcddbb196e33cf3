"""`dovecote page`: a link to the running host's page, good for one sign-in."""

from __future__ import annotations

import getpass
from pathlib import Path

from host.cli.ending import NothingFoundError
from host.cli.listing import now_ms
from host.config import Config
from host.folders import lock
from host.registry import links


def link(config: Config) -> str:
    """Raises `NothingFoundError` where nothing serves it, `sessiondb.SessionError`."""
    data = Path(config.data)
    if not lock.held(data):
        raise NothingFoundError(f"no host runs on {data.resolve()}: start it with `dovecote up --web`")
    served = links.where(data / "host.db")
    if not served:
        raise NothingFoundError("the host that runs serves no page: start it with `dovecote up --web`")
    return f"{served}/enter?token={links.make(data / 'host.db', getpass.getuser(), now_ms())}"

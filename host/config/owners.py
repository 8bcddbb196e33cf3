"""Whether somebody is there whom the host can ask: without an owner nobody lets people in, allows money or hears of faults."""

from __future__ import annotations

from collections.abc import Collection

from host.config.schema import Config


def missing(config: Config, platforms: Collection[str]) -> str:
    """Why nobody can be asked; '' when somebody can. `platforms` are those that run, beside the console."""
    here = sorted(set(platforms) - {"console"})
    if not here or any(owner.partition(":")[0] in here for owner in config.access.owners):
        return ""
    if config.access.owners:
        return f"no owner is on {' or '.join(here)}, so nobody can be asked there"
    return "there is no owner, so nobody can let people in, allow money or hear of faults"


def remedy(platforms: Collection[str]) -> str:
    """The one command that makes one."""
    here = sorted(set(platforms) - {"console"})
    return f"Run `dovecote setup {here[0] if here else 'slack'}`: whoever answers its greeting becomes one"

"""Whom and what the configuration names: `platform:id` wherever that is, `platform:workspace/id` in that workspace alone."""

from __future__ import annotations

from collections.abc import Collection

APART = frozenset({"slack"})  # platforms whose workspaces may give the same id to different people


def named(platform: str, workspace: str, id_: str) -> str:
    return f"{platform}:{workspace}/{id_}" if workspace else f"{platform}:{id_}"


def parts(name: str) -> tuple[str, str, str]:
    """The platform, the workspace or '', and the id."""
    platform, _, whose = name.partition(":")
    workspace, _, id_ = whose.rpartition("/")
    return platform, workspace, id_


def there(listed: Collection[str], platform: str, workspace: str) -> tuple[str, ...]:
    """The platform's own ids of those who are named for the workspace, in order and each once."""
    found = []
    for entry in listed:
        where, whose, id_ = parts(entry)
        if where == platform and whose in ("", workspace):
            found.append(id_)
    return tuple(dict.fromkeys(found))

"""Whom and what the configuration names: `platform:id` wherever that is, `platform:workspace/id` in that workspace alone."""

from __future__ import annotations

from collections.abc import Collection


def there(listed: Collection[str], platform: str, workspace: str) -> tuple[str, ...]:
    """The platform's own ids of those who are named for the workspace, in order and each once."""
    found = []
    for entry in listed:
        where, _, id_ = entry.partition(":")
        whose, named, id_ = id_.rpartition("/")
        if where == platform and (not named or whose == workspace):
            found.append(id_)
    return tuple(dict.fromkeys(found))

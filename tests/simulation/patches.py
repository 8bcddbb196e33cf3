"""What stands in for a part of the product during a run."""

from __future__ import annotations

import inspect
from typing import TypeAlias

Patch: TypeAlias = tuple[object, str, object]  # where, the name there, what stands in for it


def refuse_misfit(patch: Patch) -> None:
    """Raises `TypeError` for what cannot be called as that for which it stands in: a mutant that fails so proves nothing."""
    where, name, stand_in = patch
    original = getattr(where, name)
    if not inspect.isroutine(original) or not callable(stand_in):
        return
    parameters = inspect.signature(original).parameters.values()
    for all_of_them in (False, True):
        asked = [one for one in parameters if all_of_them or one.default is one.empty]
        by_place = [one for one in asked if one.kind in (one.POSITIONAL_ONLY, one.POSITIONAL_OR_KEYWORD)]
        by_name = [one.name for one in asked if one.kind is one.KEYWORD_ONLY]
        try:
            inspect.signature(stand_in).bind(*by_place, **dict.fromkeys(by_name))
        except TypeError as error:
            raise TypeError(f"What stands in for {where}.{name} does not fit: {error}") from None

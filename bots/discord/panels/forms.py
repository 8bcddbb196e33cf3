"""Forms. A submission is recognised by the form's id alone, so that it counts whoever opened one beside it,
and also when the bot was started anew while somebody was writing.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import discord

LONGEST_TITLE = 45  # characters

Values = Mapping[str, str]  # by the fields' ids; '' where nothing was entered, several choices a line each
OnSubmit = Callable[[discord.Interaction[Any], re.Match[str], Values], Awaitable[None]]


class Forms:
    """What is done with which form."""

    def __init__(self) -> None:
        self._known: list[tuple[re.Pattern[str], OnSubmit]] = []

    def on(self, form_id: str, do: OnSubmit) -> None:
        """`form_id` is a pattern for the whole of a form's id."""
        self._known.append((re.compile(form_id), do))

    async def interaction(self, interaction: discord.Interaction[Any]) -> bool:
        """Every interaction comes here; False for those that are no form of ours."""
        if interaction.type is not discord.InteractionType.modal_submit:
            return False
        data: Mapping[str, Any] = interaction.data or {}
        for pattern, do in self._known:
            match = pattern.fullmatch(str(data.get("custom_id", "")))
            if match is not None:
                await do(interaction, match, dict(_entered(data.get("components") or [])))
                return True
        return False


def _entered(components: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for component in components:
        inside = component.get("components") or [component[key] for key in ("component",) if key in component]
        yield from _entered(inside)
        if "custom_id" in component:
            values = component.get("values") or [component.get("value") or ""]
            yield str(component["custom_id"]), "\n".join(map(str, values))

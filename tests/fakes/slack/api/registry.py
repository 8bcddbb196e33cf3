"""The table of Web API methods and the arguments they read."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ..core import Core
from ..errors import ApiError
from ..records import Json


class Args:
    """Arguments of a call, however they came: query, form (where JSON is a string) or JSON body."""

    def __init__(self, values: Json) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def text(self, name: str) -> str | None:
        value = self._values.get(name)
        return None if value is None else str(value)

    def required(self, name: str) -> str:
        value = self.text(name)
        if not value:
            reason = f"[ERROR] missing required field: {name}"
            raise ApiError("invalid_arguments", response_metadata={"messages": [reason]})
        return value

    def flag(self, name: str) -> bool:
        return str(self._values.get(name, "")).lower() in ("1", "true")

    def number(self, name: str, default: int) -> int:
        value = self._values.get(name)
        try:
            return default if value in (None, "") else int(str(value))
        except ValueError:
            raise ApiError("invalid_arguments") from None

    def structure(self, name: str, error: str = "invalid_arguments") -> Any:
        """A list or an object; `error` is what the method says to a string that is no JSON."""
        value = self._values.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError:
            raise ApiError(error) from None

    def names(self, name: str) -> list[str]:
        """A comma-separated list."""
        return [each.strip() for each in (self.text(name) or "").split(",") if each.strip()]


Handler = Callable[[Core, Args], Json]


@dataclass(frozen=True)
class Method:
    handler: Handler
    scopes: tuple[str, ...]
    token: Literal["bot", "app", "any"]


METHODS: dict[str, Method] = {}


def method(
    name: str, *scopes: str, token: Literal["bot", "app", "any"] = "bot"
) -> Callable[[Handler], Handler]:
    """Any one of `scopes` lets a token in."""

    def register(handler: Handler) -> Handler:
        METHODS[name] = Method(handler, scopes, token)
        return handler

    return register


def warned(answer: Json, warnings: list[str]) -> Json:
    """Warnings ride beside a successful answer ("Slack Web API")."""
    if not warnings:
        return answer
    return answer | {"warning": ",".join(warnings), "response_metadata": {"warnings": warnings}}

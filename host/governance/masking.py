"""Secrets do not leave in what an agent posts. What was masked is told by rule and number, and never what it was.

It is no wall against a container: that has no secret of this host (law 9), and can spell any text as it likes. It is for what
an agent reads by the way and repeats.
"""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from enum import Enum
from operator import is_
from typing import Any, TypeVar
from urllib.parse import quote, urlsplit

from host.config.environment import SECRETS, tidied
from host.config.settings import Settings
from host.config.shapes import Shape
from host.governance.secrecy import SHORTEST_VALUE, Rules
from sessiondb import content, secrets

KEPT = 4  # of the secrets that one thing has had since the start
NEVER = frozenset({"message_id", "path", "emoji", "audience", "approval", "call", "type"})  # names of things
NAMED = NEVER | {"id", "session_id", "request", "digest", "agent"}  # and of what people are shown

T = TypeVar("T")


class Masks:
    def __init__(self, settings: Settings, environment: Mapping[str, str] | None = None) -> None:
        self._settings = settings
        self._environment = tidied(environment or {})
        self._learned: dict[str, list[str]] = {}  # what it is called → the secrets, the last one last
        self._rules: Rules | None = None
        self._of = 0  # the version of the settings that the rules are made of

    def learn(self, name: str, secret: str) -> None:
        """One that was issued while the host runs."""
        known = self._learned.setdefault(name, [])
        if secret and secret not in known:
            self._learned[name] = [*known, secret][-KEPT:]
            self._rules = None

    def text(self, agent: str, text: str) -> tuple[str, Counter[str]]:
        """`agent`: whose words they are, '' = the host's own."""
        rules = self._rules_of(agent)
        return rules.hide(text) if rules is not None else (text, Counter())

    def into(self, counts: Counter[str], agent: str) -> Callable[[str], str]:
        """The same, with what it finds counted there."""

        def hide(text: str) -> str:
            text, found = self.text(agent, text)
            counts.update(found)
            return text

        return hide

    def so_far(self, agent: str, text: str) -> tuple[str, Counter[str]]:
        """Of a text that goes on: what may be the beginning of a secret is held back."""
        rules = self._rules_of(agent)
        return rules.hide(rules.said(text)) if rules is not None else (text, Counter())

    def operation(self, agent: str, operation: content.Operation) -> tuple[content.Operation, Counter[str]]:
        rules, counts = self._rules_of(agent), Counter[str]()
        return (operation if rules is None else _masked(rules, operation, counts)), counts

    def shown(self, found: T, agent: str = "") -> T:
        """The same in what a person is shown: a text, several, or records of these."""
        rules = self._rules_of(agent)
        return found if rules is None else _masked(rules, found, Counter(), NAMED)

    def _rules_of(self, agent: str) -> Rules | None:
        configured = self._settings.config.agents.get(agent)
        if configured is not None and not configured.mask_secrets:
            return None
        if self._rules is None or self._of != self._settings.version:
            self._of, self._rules = self._settings.version, self._made()
        return self._rules

    def _made(self) -> Rules:
        config = self._settings.config
        hooks = config.webhooks.hooks.values() if config.webhooks is not None else ()
        named = {hook.secret_env for hook in hooks} | {
            name
            for agent in config.agents.values()
            for name in _named_by(agent.fallback_key_env, agent.options)
        }
        found = [
            (secret, name)
            for name, value in self._environment.items()
            for secret in _secrets_in(name, value, surely=name in named)
        ]
        found += [(secret, name) for name, all_ in self._learned.items() for secret in all_]
        values = {
            form: name for secret, name in found for form in _forms(secret) if len(form) >= SHORTEST_VALUE
        }
        shapes = {name: Shape.spelled(text) for name, text in config.masking.patterns.items()}
        return Rules(dict(sorted(values.items(), key=lambda one: -len(one[0]))), shapes)


def _named_by(key: str, options: Mapping[str, Any]) -> list[str]:
    """Variables that an agent's table says hold secrets."""
    servers = options.get("mcp")
    tables = servers.values() if isinstance(servers, Mapping) else ()
    return [key, *(str(one.get("secret_env", "")) for one in tables if isinstance(one, Mapping))]


def told(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} × {name}" for name, count in sorted(counts.items()))


def _secrets_in(name: str, value: str, *, surely: bool) -> list[str]:
    """A path says where one is, and is none; of an address the password is one by itself."""
    if not (surely or name.endswith(SECRETS) or secrets.is_secret(name, value)):
        return []
    if secrets.is_harmless(value) or value.startswith(("/", "./")):
        return []
    try:
        password = urlsplit(value).password if "://" in value else None
    except ValueError:
        password = None
    return [value, password] if password else [value]


def _forms(secret: str) -> set[str]:
    """As it is written, in JSON and in an address."""
    return {secret, json.dumps(secret)[1:-1], quote(secret, safe="")}


def _masked(rules: Rules, value: T, counts: Counter[str], never: frozenset[str] = NEVER) -> T:
    """Each text of a record, but for what names something."""
    found: Any = value
    kind: Any = type(found)
    if isinstance(found, str):
        hidden, more = rules.hide(found) if not isinstance(found, Enum) else (found, None)
        if more:  # else a sentence stays one
            counts.update(more)
            found = hidden
    elif isinstance(found, list | tuple) and not hasattr(found, "_fields"):
        each = [_masked(rules, one, counts, never) for one in found]
        found = found if all(map(is_, each, found)) else type(found)(each)
    elif names := _told_by(kind, never):
        made = {
            name: (had, _masked(rules, had, counts, never)) for name in names if (had := getattr(found, name))
        }
        changed = {name: text for name, (had, text) in made.items() if text is not had}
        found = replace(found, **changed) if changed else found
    return found  # type: ignore[no-any-return]


@functools.cache
def _told_by(kind: Any, never: frozenset[str]) -> Sequence[str]:
    """The fields of a record that may hold a text; none of what is no record."""
    return [one.name for one in fields(kind) if one.name not in never] if is_dataclass(kind) else []

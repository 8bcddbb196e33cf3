"""What a changed file changes: the lines that tell it, and which of it counts at once.

What stands under `LIVE` is asked for each time anew. The rest is worked into parts, ports and processes when they are made.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from host.config.schema import Config

LIVE = frozenset({"agents", "routes", "access", "tasks", "commands", "budgets", "quiet_hours", "masking"})
LIVE_OF_MODEL = frozenset({"budget_usd_per_day", "budget_usd_per_month", "prices"})
LONGEST_VALUE = 60  # characters of a value that are shown
NEVER_SHOWN = ".options"  # tools' settings may hold what is nobody's to read in a log
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Changes:
    """Lines for people; `config` is what is in force with `now`."""

    config: Config
    now: tuple[str, ...]
    later: tuple[str, ...]  # after a restart only


def between(old: Config, new: Config) -> Changes:
    """`old` is in force, `new` is what the file says."""
    model = old.model.model_copy(update={key: getattr(new.model, key) for key in LIVE_OF_MODEL})
    taken = {key: getattr(new, key) for key in LIVE}
    config = old.model_copy(update={**taken, "model": model})
    return Changes(config, tuple(_lines(old, config)), tuple(_lines(config, new)))


def _lines(old: Config, new: Config) -> Iterator[str]:
    before, after = _plain(old), _plain(new)
    yield from _differences("", before, after)


def _plain(config: Config) -> dict[str, Any]:
    """Lists whose members have a name or none are compared by it, so that a new one in front changes one line."""
    plain = config.model_dump(mode="json")
    plain["tasks"] = _named(plain["tasks"])
    return plain


def _named(tasks: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {f"{task['name']} ({task['to']['platform']}/{task['to']['channel']})": task for task in tasks}


def _differences(key: str, before: Any, after: Any) -> Iterator[str]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for name in [*before, *(name for name in after if name not in before)]:
            inner = f"{key}.{name}".lstrip(".")
            yield from _differences(inner, before.get(name, _NOTHING), after.get(name, _NOTHING))
    elif _are_lists(before, after) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _differences(f"{key}[{number}]", one, other)
    elif _are_lists(before, after) and all(isinstance(one, str) for one in [*before, *after]):
        gone = [f"−{one}" for one in before if one not in after]
        come = [f"+{one}" for one in after if one not in before]
        yield f"{key}: {_short(' '.join([*gone, *come])) or 'another order'}"
    else:
        yield f"{key}: {_told(key, before)} → {_told(key, after)}"


def _are_lists(before: Any, after: Any) -> bool:
    return isinstance(before, list) and isinstance(after, list)


def _told(key: str, value: Any) -> str:
    if value is _NOTHING:
        return "nothing"
    if isinstance(value, list):
        return f"{len(value)} entries"
    if isinstance(value, dict):
        return "there"
    if NEVER_SHOWN in key:
        return "…"
    return _short(
        str(value).lower() if isinstance(value, bool) else f"{value!r}" if value == "" else str(value)
    )


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LONGEST_VALUE else f"{line[:LONGEST_VALUE]}…"

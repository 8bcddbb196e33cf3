"""The image's lock holds what the runner needs, at the versions that the tests run with."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent.parent
RUNNER_NEEDS = ("anthropic", "apsw", "mcp")


def pins(path: str) -> set[str]:
    lines = (ROOT / path).read_text().splitlines()
    return {line for line in lines if line and not line.startswith("#")}


def closure(names: tuple[str, ...]) -> set[str]:
    """Everything that an installed distribution needs on this platform, itself included."""
    found: set[tuple[str, str]] = set()
    open_ends = [(name, "") for name in names]
    while open_ends:
        name, extra = open_ends.pop()
        if (canonicalize_name(name), extra) in found:
            continue
        found.add((canonicalize_name(name), extra))
        for text in metadata.requires(name) or []:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                open_ends += [(need.name, wanted) for wanted in ("", *need.extras)]
    return {name for name, _ in found}


def test_the_image_pins_only_versions_of_the_main_lock() -> None:
    strangers = pins("runner/requirements.lock") - pins("requirements.lock")

    assert not strangers, "copy these lines anew from requirements.lock to runner/requirements.lock"


def test_the_image_pins_exactly_what_the_runner_needs() -> None:
    locked = {Requirement(pin).name for pin in pins("runner/requirements.lock")}

    assert {canonicalize_name(name) for name in locked} == closure(RUNNER_NEEDS)

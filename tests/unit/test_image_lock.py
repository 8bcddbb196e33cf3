"""The images' locks hold what runner and host need, at the versions that the tests run with."""

from __future__ import annotations

import shutil
import subprocess
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.waiting import DEADLINE

ROOT = Path(__file__).resolve().parent.parent.parent
RUNNER_NEEDS = ("anthropic", "apsw", "charset-normalizer", "mcp", "pillow", "puremagic", "pypdf")


def pins(path: str) -> set[str]:
    """Each package with its version and the hashes of its files, on one line."""
    text = (ROOT / path).read_text().replace("\\\n", " ")
    return {" ".join(line.split()) for line in text.splitlines() if line.strip() and not line.startswith("#")}


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


@pytest.mark.parametrize("part", ["runner", "host"])
def test_an_image_pins_only_versions_of_the_main_lock(part: str) -> None:
    strangers = pins(f"{part}/requirements.lock") - pins("requirements.lock")

    assert not strangers, f"copy these lines anew from requirements.lock to {part}/requirements.lock"


def named(path: str) -> set[str]:
    return {canonicalize_name(Requirement(pin.partition(" --hash")[0]).name) for pin in pins(path)}


def locked(part: str) -> set[str]:
    return named(f"{part}/requirements.lock")


def test_the_runners_image_pins_exactly_what_it_needs() -> None:
    assert locked("runner") == closure(RUNNER_NEEDS)


def test_the_hosts_image_pins_exactly_what_dovecote_needs() -> None:
    assert locked("host") == closure(("dovecote",)) - {"dovecote"}


def test_the_lock_for_traces_pins_exactly_what_they_need_beside_the_hosts() -> None:
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]["otel"]
    needed = closure(tuple(Requirement(one).name for one in extra))
    assert named("requirements-otel.lock") == needed - locked("host")
    assert pins("requirements-otel.lock") <= pins("requirements.lock")


def test_the_lock_for_a_cluster_pins_its_library_and_the_host_has_what_that_needs() -> None:
    extra = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"][
        "cluster"
    ]
    assert [Requirement(one).extras for one in extra] == [{"binary"}]
    assert named("requirements-cluster.lock") == {"psycopg", "psycopg-binary"}
    assert {"typing-extensions", "tzdata"} <= locked("host")
    versions = {pin.partition("==")[2].split()[0] for pin in pins("requirements-cluster.lock")}
    assert len(versions) == 1


ENGINE = """#!/usr/bin/env bash
case "$*" in
run*) echo 3.12 x86_64 ;;
"image inspect"*) [[ -z $DIGEST ]] || echo "$DIGEST" ;;
build*) printf '%s\\n' "$@" >"$SAID" ;;
esac
"""


@pytest.mark.parametrize("digest", ["", "python@sha256:0123"], ids=["made here", "pulled"])
def test_an_image_is_built_on_what_was_pulled_and_names_it(tmp_path: Path, digest: str) -> None:
    """By an engine and a Python that note what they are asked for."""
    (tmp_path / "bin").mkdir()
    for name, does in {"docker": ENGINE, "python": "#!/bin/sh\necho 1\n"}.items():
        (tmp_path / "bin" / name).write_text(does)
        (tmp_path / "bin" / name).chmod(0o755)
    (tmp_path / "runner").mkdir()
    for name in ("build-image", "requirements.lock"):
        shutil.copy(ROOT / "runner" / name, tmp_path / "runner" / name)
    (tmp_path / ".wheels").mkdir()
    said = tmp_path / "said"
    environment = {
        "PATH": f"{tmp_path}/bin:/usr/bin:/bin",
        "PYTHON": "python",
        "DIGEST": digest,
        "SAID": str(said),
    }
    command: list[str | Path] = [tmp_path / "runner" / "build-image", "runner", "python:slim", "made"]
    subprocess.run(command, env=environment, check=True, timeout=DEADLINE)

    asked = said.read_text().splitlines()
    assert f"BASE_IMAGE={digest or 'python:slim'}" in asked
    assert ("org.opencontainers.image.base.digest=sha256:0123" in asked) is bool(digest)

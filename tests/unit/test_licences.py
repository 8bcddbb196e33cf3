"""The check of licences: what nobody has looked at is found, in whatever way its metadata says it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
CLASSIFIER = "License :: OSI Approved :: "


def component(name: str, *licences: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "version": "1", "licenses": list(licences)}


def named(name: str) -> dict[str, Any]:
    return {"license": {"name": name}}


def checked(tmp_path: Path, *components: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    bill = tmp_path / "bill.json"
    bill.write_text(json.dumps({"bomFormat": "CycloneDX", "components": list(components)}))
    command = [sys.executable, str(ROOT / ".ci" / "licences"), str(bill)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "licences",
    [
        [{"license": {"id": "MIT"}}],
        [{"expression": "Apache-2.0 OR BSD-3-Clause"}],
        [{"expression": "(MIT AND (Apache-2.0 OR ISC))"}],
        [named(f"{CLASSIFIER}MIT License")],
        [{"license": {"id": "Apache-2.0"}}, named(f"{CLASSIFIER}Apache Software License")],
        [named("BSD License")],
    ],
)
def test_a_licence_that_is_known_passes(tmp_path: Path, licences: list[dict[str, Any]]) -> None:
    done = checked(tmp_path, component("good", *licences))
    assert done.returncode == 0, done.stderr
    assert "good" in done.stdout


@pytest.mark.parametrize(
    ("package", "passes"), [("psycopg", True), ("psycopg-binary", True), ("another", False)]
)
def test_a_licence_that_was_looked_at_for_one_package_is_that_ones_alone(
    tmp_path: Path, package: str, passes: bool
) -> None:
    done = checked(tmp_path, component(package, {"license": {"id": "LGPL-3.0-only"}}))
    assert (done.returncode == 0) is passes, done.stderr


@pytest.mark.parametrize(
    "licences",
    [
        [],
        [{"license": {"id": "AGPL-3.0-only"}}],
        [{"expression": "MIT AND GPL-3.0-or-later"}],
        [{"expression": "GPL-2.0-only WITH Classpath-exception-2.0"}],
        [{"license": {"id": "MIT"}}, named("Proprietary")],
        [named(f"{CLASSIFIER}GNU General Public License v3 (GPLv3)")],
        [named("")],
        [named("any-OSI")],
    ],
)
def test_a_licence_that_nobody_has_looked_at_fails(tmp_path: Path, licences: list[dict[str, Any]]) -> None:
    done = checked(tmp_path, component("good", {"license": {"id": "MIT"}}), component("odd", *licences))
    assert done.returncode == 1
    assert "odd" in done.stderr
    assert "good" not in done.stderr


def test_a_bill_without_packages_is_no_success(tmp_path: Path) -> None:
    assert checked(tmp_path).returncode == 1
    assert checked(tmp_path, component("dovecote", {"license": {"id": "MIT"}})).returncode == 1


def test_every_package_of_both_images_has_a_licence_that_was_looked_at(tmp_path: Path) -> None:
    """From what is installed here by the same pins; `make sbom` looks at what the images get."""
    names = {
        name
        for part in ("host", "runner")
        for name in re.findall(r"^([\w.-]+)==", (ROOT / part / "requirements.lock").read_text(), re.M)
    }
    made = []
    for name in sorted(names):
        found = metadata.metadata(name)
        said = [named(text) for text in found.get_all("Classifier") or [] if text.startswith("License ::")]
        said = [{"expression": text} for text in found.get_all("License-Expression") or []] or said
        made.append(component(name, *(said or [named("".join(found.get_all("License") or []))])))
    done = checked(tmp_path, *made)
    assert done.returncode == 0, done.stderr
    assert len(made) > 40

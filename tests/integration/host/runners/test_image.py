"""The runner's image: who it runs as, what is in it, and what of the building machine is not."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import docker
import pytest

from sessiondb.contract import CONTRACT
from tests.support.engine import ROOT, TEST_TIMEOUT, Installation

pytest_plugins = ["tests.support.engine"]
pytestmark = [pytest.mark.docker, pytest.mark.timeout(TEST_TIMEOUT)]

PYTHON_SLIM_ENVIRONMENT = {"GPG_KEY", "LANG", "PYTHON_SHA256", "PYTHON_VERSION"}  # what that base sets itself
DISTINCTIVE = 8  # characters; a shorter path or host may well be in the image by chance
OURS = {"HOME", "PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}


@pytest.fixture
def config(engine: docker.DockerClient, image: str) -> dict[str, Any]:
    attributes: dict[str, Any] = engine.images.get(image).attrs["Config"]
    return attributes


def pip_values() -> set[str]:
    """What this machine's pip was told, as far as it is distinctive: addresses, hosts, folders, files."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    ).stdout
    values = [str(ast.literal_eval(line.partition("=")[2])) for line in listed.splitlines()]
    words = {word for value in values for word in value.split()}
    hosts = {urlsplit(word).hostname or "" for word in words if "://" in word}
    return {word for word in words | hosts if len(word) >= DISTINCTIVE and ("." in word or "/" in word)}


def test_the_image_runs_as_nobody_special(installation: Installation) -> None:
    assert installation.run("id", "-u") == (0, "1000\n")


def test_any_user_of_the_host_can_run_it(installation: Installation) -> None:
    status, printed = installation.run(
        "python", "-c", "import os, sessiondb.contract; print(os.getuid())", user="54321:54321"
    )

    assert (status, printed) == (0, "54321\n")


def test_the_runners_libraries_import(installation: Installation) -> None:
    status, printed = installation.run("python", "-c", "import anthropic, apsw, mcp, runner, sessiondb")

    assert status == 0, printed


@pytest.mark.parametrize("package", ["host", "bots", "tests", "docker", "slack_sdk", "discord"])
def test_the_hosts_side_is_absent(installation: Installation, package: str) -> None:
    probe = f"from importlib.util import find_spec; print(find_spec({package!r}))"

    assert installation.run("python", "-c", probe) == (0, "None\n")


def test_the_agents_tools_are_on_the_path(installation: Installation) -> None:
    tools = (
        "for tool in bash curl git jq python python3 rg; do command -v $tool >/dev/null || echo $tool; done"
    )

    assert installation.run("bash", "-c", tools) == (0, "")


def test_the_label_names_the_contract_of_this_tree(config: dict[str, Any]) -> None:
    assert config["Labels"]["dovecote.contract"] == str(CONTRACT)


def test_the_runner_is_the_entry_point_and_the_working_folder_cannot_replace_it(
    installation: Installation, config: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "runner.py").write_text("print('an impostor')")
    tmp_path.chmod(0o755)
    assert config["Entrypoint"] == ["/opt/venv/bin/python", "-P", "-m", "runner.first"]

    _, printed = installation.run(
        "python",
        "-P",
        "-c",
        "import runner; print(runner.__file__)",
        mounts={tmp_path: "/work:ro"},
        working_dir="/work",
    )

    assert printed == "/opt/dovecote/runner/__init__.py\n"


def test_the_runners_code_is_not_the_agents_to_change(installation: Installation) -> None:
    hunt = "find / -xdev -writable -not -type l -not -path '/proc/*' -not -path '/dev/*' 2>/dev/null"

    _, printed = installation.run("bash", "-c", hunt)

    assert set(printed.split()) <= {"/tmp", "/var/tmp", "/run/lock"}


def test_it_works_on_a_read_only_root_with_a_temporary_folder(installation: Installation) -> None:
    work = (
        "set -e; cd; git init -q one; echo '{\"a\": [1]}' >one/file; jq -e .a[0] one/file; rg -c a one;"
        " python -c 'import anthropic, apsw, mcp'; ! touch /opt/venv/mark 2>/dev/null"
    )

    status, printed = installation.run(
        "bash",
        "-c",
        work,
        read_only=True,
        tmpfs={"/tmp": "size=64m,mode=1777"},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
    )

    assert (status, printed) == (0, "1\none/file:1\n")


def test_history_and_settings_know_nothing_of_the_building_machine(
    engine: docker.DockerClient, image: str, config: dict[str, Any]
) -> None:
    recorded = json.dumps([engine.images.get(image).history(), config])

    strangers = {setting.partition("=")[0] for setting in config["Env"]} - OURS - PYTHON_SLIM_ENVIRONMENT
    assert not strangers
    assert not {value for value in {*pip_values(), str(ROOT)} if value in recorded}


def test_no_layer_holds_pips_configuration_a_mirror_or_a_wheel(installation: Installation) -> None:
    hunt = (
        "find / -xdev '(' -name pip.conf -o -name '*.whl' -o -name constraints.txt ')'"
        " -not -path '/usr/*' 2>/dev/null;"
        " find /usr/local/share/ca-certificates -name '*.crt' 2>/dev/null; ls /var/lib/apt/lists 2>/dev/null"
    )

    assert installation.run("bash", "-c", hunt, user="0:0") == (0, "")

"""`dovecote doctor` and the start on machines that lack something."""

from __future__ import annotations

import asyncio
import math
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from host.cli.looks import voice
from host.config import Config, Runner, provider
from host.runners.launch.engine import examine
from host.runners.launch.examination import findings
from tests.fakes.onecli import FakeOneCLI
from tests.support.installation import installation
from tests.support.started import fresh, ran

ROOT = Path(__file__).resolve().parents[2]
pytest_plugins = ["tests.support.engine"]
SLACK = {"SLACK_BOT_TOKEN": "xoxb-1", "SLACK_APP_TOKEN": "xapp-1"}
OWNED = '[access]\nowners = ["slack:U1"]\n'


def alone(folder: Path, **environment: str) -> dict[str, str]:
    """With this machine's engine out of sight."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC", "SLACK"))}
    engine = {"DOCKER_HOST": f"unix://{folder}/none.sock", "PATH": str(folder)}
    return clean | engine | {"COLUMNS": "200"} | environment


def dovecote(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """In an empty folder."""
    return ran(*arguments, folder=folder, environment=alone(folder, **environment))


def test_without_an_engine_the_doctor_and_the_start_say_what_to_install(tmp_path: Path) -> None:
    surroundings = alone(tmp_path, **SLACK)
    looked, started = (
        ran(command, folder=tmp_path, environment=surroundings, begin=fresh) for command in ("doctor", "up")
    )

    assert looked.returncode == 1
    assert "✗  Container engine" in looked.stdout
    for said in (looked.stdout, started.stderr):
        assert "apt-get install docker.io" in said
        assert 'launcher = "process"' in said
    assert started.returncode == 2
    assert "Traceback" not in started.stderr


async def test_the_local_launcher_runs_when_it_is_asked_for_by_name_and_the_doctor_warns(
    tmp_path: Path,
) -> None:
    async with installation(tmp_path) as place:
        place.write(agents={"default": {"provider": "mock"}})
        looked = await asyncio.to_thread(place.command.run, "doctor")

    assert looked.code == 0, looked.said
    assert "without isolation" in looked.said
    assert "would not give a shell" in looked.said


async def test_a_model_without_a_key_and_a_broken_configuration_are_found(tmp_path: Path) -> None:
    async with installation(tmp_path) as place:
        keyed = await asyncio.to_thread(place.command.run, "doctor")
        key = place.command.environment.pop("ANTHROPIC_API_KEY")
        keyless = await asyncio.to_thread(place.command.run, "doctor")
        place.write(runner={"launcer": 1})
        broken = await asyncio.to_thread(place.command.run, "doctor")

    assert (keyless.code, keyed.code, broken.code) == (1, 0, 1)
    assert "Set ANTHROPIC_API_KEY" in keyless.said
    assert key not in keyed.said
    assert "runner.launcer" in broken.said


async def test_a_model_without_a_limit_is_remarked_upon_and_well(tmp_path: Path) -> None:
    async with installation(tmp_path) as place:
        place.write(model={"budget_usd_per_day": math.inf})
        looked = await asyncio.to_thread(place.command.run, "doctor")

    assert looked.code == 0
    assert "budget_usd_per_day" in looked.said


def test_secrets_in_the_env_file_are_read_by_doctor_chat_and_up(tmp_path: Path) -> None:
    nowhere = "http://127.0.0.1:1"
    secrets = tmp_path / ".env"
    secrets.write_text(
        "".join(f"{name}={value}\n" for name, value in SLACK.items()) + "ANTHROPIC_API_KEY=sk-ant-1\n"
    )
    secrets.chmod(0o600)
    (tmp_path / "dovecote.toml").write_text(
        f'{OWNED}[runner]\nlauncher = "process"\n[model]\nbase_url = "{nowhere}"\n[slack]\napi_url = "{nowhere}/api/"\n'
    )

    looked = dovecote(tmp_path, "doctor")
    (tmp_path / "contained.toml").write_text('[runner]\nlauncher = "docker"\n')
    started = dovecote(tmp_path, "up", "--config", "contained.toml")  # ends for want of an engine

    banner = f"· default: claude claude-sonnet-5-5 · slack · data in {tmp_path}/data"
    assert banner in looked.stdout
    assert f"Dovecote 0.1.0 {banner}" in started.stderr.splitlines()[0]
    secrets.chmod(0o644)
    assert "chmod 600 .env" in dovecote(tmp_path, "doctor").stdout
    secrets.write_text("SLACK BOT TOKEN\n")
    for command in ("doctor", "up", "chat"):
        refused = dovecote(tmp_path, command)
        assert ".env:1: is no setting. Write NAME=value" in refused.stdout + refused.stderr


def test_an_echo_that_nobody_asked_for_is_named_in_chat_and_doctor(tmp_path: Path) -> None:
    looked = dovecote(tmp_path, "doctor")
    talked = dovecote(tmp_path, "chat")  # its standard input ends at once

    assert "mock agent: no ANTHROPIC_API_KEY" in looked.stdout
    assert talked.stderr == f"mock agent: no ANTHROPIC_API_KEY. {provider.REMEDY}.\n"
    assert talked.stdout == ""


def test_the_example_can_be_copied_as_it_is_without_a_warning(tmp_path: Path) -> None:
    shutil.copy(ROOT / "dovecote.example.toml", tmp_path / "dovecote.toml")
    talked = dovecote(tmp_path, "chat", ANTHROPIC_API_KEY="sk-ant-1")
    others = [line for line in talked.stderr.splitlines() if not line.startswith("Model API: ")]
    assert (talked.returncode, talked.stdout, others) == (
        0,
        "",
        [],
    )  # whether the key is any good is another question
    log = (tmp_path / "data" / "logs" / "host.log").read_text()
    assert "· default: claude claude-sonnet-5-5 · console ·" in log
    rest = [line for line in log.splitlines() if "Model API: " not in line]
    assert not re.search("warning|error", "\n".join(rest)), log


def test_without_an_owner_who_can_be_reached_up_ends_with_the_command_that_makes_one(tmp_path: Path) -> None:
    file = tmp_path / "dovecote.toml"
    for owners, why in (
        ("", "there is no owner"),
        ("discord:1", "no owner is on slack"),
        ("console:you", "no owner is on"),
    ):
        listed = f'["{owners}"]' if owners else "[]"
        file.write_text(
            f'[access]\nowners = {listed}\n[runner]\nlauncher = "process"\n[slack]\napi_url = "http://127.0.0.1:1/api/"\n'
            '[model]\nbase_url = "http://127.0.0.1:1"\n'
        )
        started = dovecote(tmp_path, "up", ANTHROPIC_API_KEY="sk-ant-1", **SLACK)
        looked = dovecote(tmp_path, "doctor", ANTHROPIC_API_KEY="sk-ant-1", **SLACK)
        assert (started.returncode, looked.returncode) == (2, 1)
        for said in (started.stderr, looked.stdout):
            assert why in said
            assert "Run `dovecote setup slack`: whoever answers its greeting becomes one" in said


async def test_the_vault_is_asked_about_every_agent(tmp_path: Path) -> None:
    async with FakeOneCLI(quota=0) as vault:
        (tmp_path / "dovecote.toml").write_text(
            f'{OWNED}[runner]\nlauncher = "process"\n[[routes]]\nagent = "pigeon"\n[agents.pigeon]\nprovider = "claude"\n'
            '[slack]\napi_url = "http://127.0.0.1:1/api/"\n[model]\nbase_url = "http://127.0.0.1:1"\n'
            f'[credentials]\nsource = "onecli"\nonecli_url = "{vault.base_url}"\n'
        )
        key = {"ONECLI_API_KEY": vault.api_key}
        refused = await asyncio.to_thread(dovecote, tmp_path, "doctor", **SLACK, **key)
        vault.quota = None
        accepted = await asyncio.to_thread(dovecote, tmp_path, "doctor", **SLACK, **key)

    assert "raise its quota" in refused.stdout
    assert "✓  Agent pigeon" in accepted.stdout


@pytest.mark.docker
def test_a_real_engine_shares_kernel_and_folder_and_has_the_image(tmp_path: Path, image: str) -> None:
    found = examine(Runner(image=image), tmp_path, thoroughly=True)
    missing = examine(Runner(image="dovecote-runner:no-such"), tmp_path, thoroughly=True)

    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert [finding.well for finding in findings(found, os.uname().release, boot_id)] == [True] * 3
    assert findings(found, os.uname().release, "elsewhere")[-1].well is False
    assert "make image" in findings(missing, os.uname().release, boot_id)[-1].remedy
    assert list(tmp_path.iterdir()) == []


async def test_a_program_for_voice_messages_without_containers_is_no_program_at_all(tmp_path: Path) -> None:
    async with installation(tmp_path) as place:
        place.write(agents={"default": {"provider": "mock"}}, voice={"command": "hear"})
        looked = await asyncio.to_thread(place.command.run, "doctor")

    assert looked.code == 1
    assert "✗  Voice messages" in looked.said
    assert "runs only in containers" in looked.said


@pytest.mark.docker
def test_the_program_for_voice_messages_is_tried_in_a_container_of_each_agent(
    tmp_path: Path, image: str
) -> None:
    """An agent's folder has a program that works; the other agents have none."""
    own = tmp_path / "agents" / "pigeon"
    own.mkdir(parents=True)
    (own / "hear.py").write_text("import sys, wave\nwave.open(sys.argv[1])\nprint('something')\n", "utf-8")
    for path in (own, own / "hear.py"):
        path.chmod(0o755)

    def found(command: str, timeout: float = 60.0) -> list[str]:
        told = {
            "data": str(tmp_path),
            "agents": {"default": {}, "raven": {}, "pigeon": {}},
            "runner": {"launcher": "docker", "image": image},
            "voice": {"command": command, "timeout": timeout},
        }
        seen = voice.look(Config.model_validate(told), ["slack"])
        return [f"{finding.well}: {finding.seen}" for finding in seen]

    other, works = found("python3 /agent/hear.py")
    assert works == "True: python3 runs, for agent pigeon"
    assert other.startswith("False: python3 ended with status 2: ")
    assert "No such file" in other
    assert found("no-such-program")[0] == (
        "False: no-such-program could not be started: No such file or directory, for agent default"
    )
    assert found("sleep 60", 1.0)[0].startswith("False: sleep ended with status 1")
    assert found("sh -c 'sleep 60'", 1.0)[0] == "False: sh took longer than 1 s, for agent default"


def test_a_host_that_never_swept_is_not_healthy(tmp_path: Path) -> None:
    assert dovecote(tmp_path, "health").returncode == 1
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "host.pulse").touch()
    assert dovecote(tmp_path, "health").returncode == 0
    os.utime(tmp_path / "data" / "host.pulse", (1, 1))
    assert dovecote(tmp_path, "health").returncode == 1

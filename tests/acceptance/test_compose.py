"""The host as a container by docker-compose.yml: started on an empty folder, it answers in a Slack, and drains."""

from __future__ import annotations

import asyncio
import os
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from docker.models.containers import Container

from tests.fakes.slack import FakeSlack
from tests.support.dockers import clean_up, containers_of
from tests.support.engine import host_image, require_engine
from tests.support.slack_app import PROXIES
from tests.support.tools import compose
from tests.support.waiting import eventually

pytest_plugins = ["tests.support.engine"]
pytestmark = [pytest.mark.docker, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 120.0  # s
COMMAND_TIMEOUT = 200  # s


class Project:
    def __init__(self, kind: tuple[str, ...], environment: dict[str, str]) -> None:
        self.name = f"dovecote-test-{uuid.uuid4().hex[:12]}"
        self._command = [*kind, "--file", str(ROOT / "docker-compose.yml"), "--project-name", self.name]
        clean = {name: value for name, value in os.environ.items() if name not in PROXIES}
        self._environment = {**clean, **environment}

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [*self._command, *arguments],
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_TIMEOUT,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def container(self) -> Container:
        label = f"com.docker.compose.project={self.name}"
        [found] = require_engine().containers.list(all=True, filters={"label": label})
        return found


@contextmanager
def project(home: Path, slack: FakeSlack, image: str) -> Iterator[Project]:
    made = Project(
        compose(),
        {
            "DOVECOTE_HOME": str(home),
            "DOVECOTE_IMAGE": host_image(),
            "DOVECOTE_NETWORK": "host",  # the fake Slack listens on loopback
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
        },
    )
    try:
        yield made
    finally:
        made.run("down", "--timeout", "1")
        clean_up(home / "data", image)


async def test_compose_up_on_a_fresh_folder_answers_in_slack(tmp_path: Path, image: str) -> None:
    async with FakeSlack() as slack:
        ann = slack.add_user("ann")
        channel = slack.add_channel("general", members=[ann])
        (tmp_path / "dovecote.toml").write_text(
            f'[slack]\napi_url = "{slack.api_url}"\n[runner]\nimage = "{image}"\n[agents.default]\nprovider = "mock"\n'
            f'[access]\nowners = ["slack:{ann.id}"]\nunknown = "allow"\n'
        )
        with project(tmp_path, slack, image) as up:
            await asyncio.to_thread(up.run, "up", "-d")
            await slack.connected(2, PATIENCE)
            root = slack.say(ann, channel, f"{slack.mention()} coo")

            def answers() -> list[str]:
                thread = slack.messages(channel, root.ts)
                ours = [message for message in thread if message.bot_id == slack.bot_id]
                return [message.text for message in ours if message.stream is None]

            await slack.wait_until(answers, PATIENCE)
            host = up.container()
            [runner] = containers_of(tmp_path / "data", image)
            assert runner.attrs["HostConfig"]["NetworkMode"] == "none"
            await eventually(lambda: host.exec_run(["dovecote", "health"]).exit_code == 0)
            found = await asyncio.to_thread(host.exec_run, ["dovecote", "doctor"])
            assert found.exit_code == 0, str(found.output)

            await asyncio.to_thread(up.run, "stop")
            host.reload()
            assert host.attrs["State"]["ExitCode"] == 0, host.logs().decode()
            assert containers_of(tmp_path / "data", image) == []

    [answer] = answers()
    assert answer.endswith("coo")

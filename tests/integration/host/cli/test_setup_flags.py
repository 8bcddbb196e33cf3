"""`dovecote setup` without anybody to ask: everything as flags, and each failure in one sentence."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
import tomllib
from pathlib import Path

import pytest
from rich.console import Console

from host import config as configuration
from host.cli.looks import platforms
from host.cli.setup import desk, flow, image
from host.cli.setup.desk import Wanted
from host.config import Config, dotenv
from host.ports.bot import BotConfigError
from host.ports.setup import SetUpFailed
from tests.fakes.model_api import FakeModelAPI
from tests.fakes.slack import FakeSlack
from tests.support.slacking import PUBLIC
from tests.support.started import ran

pytestmark = pytest.mark.timeout(600)

PATIENCE = 60.0  # s
INSTALLING = ("SLACK_CLIENT_ID", "SLACK_CLIENT_SECRET", "DOVECOTE_SEAL_KEY")
KEPT_OUT = ("ANTHROPIC_", "SLACK_", "DISCORD_", "ONECLI_", "DOVECOTE_")


async def setup(folder: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(KEPT_OUT)}
    clean |= {"DOCKER_HOST": f"unix://{folder}/none.sock", **environment}
    done = await asyncio.to_thread(
        ran, "setup", *arguments, folder=folder, environment=clean, stderr=subprocess.STDOUT
    )
    return done.returncode, done.stdout


def addresses(slack: FakeSlack, api: FakeModelAPI) -> list[str]:
    return ["--set", f"slack.api_url={slack.api_url}", "--set", f"model.base_url={api.base_url}"]


def secrets(slack: FakeSlack, api: FakeModelAPI) -> dict[str, str]:
    return {
        "SLACK_BOT_TOKEN": slack.bot_token,
        "SLACK_APP_TOKEN": slack.app_token,
        "ANTHROPIC_API_KEY": api.key,
    }


async def test_everything_as_flags_ends_well_and_a_second_run_changes_only_what_is_named(
    tmp_path: Path,
) -> None:
    async with FakeSlack() as slack, FakeModelAPI() as api:
        ann = slack.add_user("ann")
        slack.add_channel("random", members=[ann])
        channel = slack.add_channel("general", members=[ann])
        given = [f"--secret={name}={value}" for name, value in secrets(slack, api).items()]
        named = [
            "slack",
            *addresses(slack, api),
            *given,
            "--launcher=process",
            "--budget=7",
            "--channel=#general",
        ]
        first = asyncio.create_task(setup(tmp_path, *named, "--no-start"))
        greeting = await slack.wait_for(lambda message: message.bot_id == slack.bot_id, PATIENCE)
        slack.react(ann, greeting, "wave")
        code, said = await first
        assert code == 0, said
        assert greeting.channel == channel.id
        assert dotenv.read(tmp_path / ".env") == secrets(slack, api)
        kept = tomllib.loads((tmp_path / "dovecote.toml").read_text())
        assert kept["access"]["owners"] == [f"slack:{ann.id}"]
        assert (kept["model"]["budget_usd_per_day"], kept["runner"]["launcher"]) == (7.0, "process")
        assert "Start it with `dovecote up`" in said
        assert not [value for value in secrets(slack, api).values() if value in said]

        before = (tmp_path / "dovecote.toml").read_text()
        posted = len(slack.messages(channel))
        code, said = await setup(tmp_path, "slack", "--no-start")
        assert code == 0, said
        assert (tmp_path / "dovecote.toml").read_text() == before
        assert len(slack.messages(channel)) == posted
        code, said = await setup(tmp_path, "slack", "--no-start", "--owner", "U0BOSS")
        assert tomllib.loads((tmp_path / "dovecote.toml").read_text())["access"]["owners"] == [
            f"slack:{ann.id}",
            "slack:U0BOSS",
        ]


async def test_where_others_may_install_the_app_whoever_answers_is_an_owner_in_their_workspace_alone(
    tmp_path: Path,
) -> None:
    async with FakeSlack() as slack, FakeModelAPI() as api:
        ann = slack.add_user("ann")
        slack.add_channel("general", members=[ann])
        given = [f"--secret={name}={value}" for name, value in secrets(slack, api).items()]
        several = [
            '--set=slack.installs=["T0OTHER"]',
            f"--set=web.public_url={PUBLIC}",
            *[f"--secret={name}=chosen" for name in INSTALLING],
            "--launcher=process",
            "--budget=7",
            "--channel=#general",
        ]
        named = ["slack", *addresses(slack, api), *given, *several, "--no-start"]
        first = asyncio.create_task(setup(tmp_path, *named))
        greeting = await slack.wait_for(lambda message: message.bot_id == slack.bot_id, PATIENCE)
        slack.react(ann, greeting, "wave")
        code, said = await first
        assert code == 0, said
        kept = tomllib.loads((tmp_path / "dovecote.toml").read_text())
        assert kept["access"]["owners"] == [f"slack:{slack.team_id}/{ann.id}"]
        config = configuration.load(tmp_path / "dovecote.toml")
        [nobody] = [one.seen for one in platforms.configured(config, ["slack"], ()) if one.what == "Owners"]
        assert nobody.startswith("nobody is one in workspace T0OTHER")
        wanted = Wanted("slack", owner="U0BOSS")
        out = Console(file=io.StringIO())
        (apart := tmp_path / "apart").mkdir()  # from the secrets, which it would take into this process
        (tmp_path / "dovecote.toml").rename(apart / "dovecote.toml")
        again = flow.Flow(apart / "dovecote.toml", wanted, out, desk.of(out, wanted, ask=False))
        with pytest.raises(SetUpFailed, match="U0BOSS may be somebody else in each workspace"):
            await again.run()

        # Without a token of its own the bot begins with nobody, and nothing is asked but what it needs.
        (alone := tmp_path / "alone").mkdir()
        named = [
            "slack",
            *addresses(slack, api),
            *several[:1],
            "--launcher=process",
            "--budget=7",
            "--no-start",
        ]
        environment = {
            name: value for name, value in secrets(slack, api).items() if name != "SLACK_BOT_TOKEN"
        }
        environment |= dict.fromkeys(INSTALLING, "chosen")
        code, said = await setup(alone, *named, **environment)
        assert (code, "--set web.public_url=" in " ".join(said.split())) == (1, True), said
        code, said = await setup(alone, *named, several[1], **environment)
        assert code == 0, said
        assert f"{PUBLIC}/slack/install" in said
        assert "Nobody is an owner yet" in said


async def test_each_thing_that_is_missing_or_wrong_ends_it_with_a_sentence(tmp_path: Path) -> None:
    async with FakeSlack() as slack, FakeModelAPI() as api:
        slack.add_channel("random", members=[slack.add_user("ann")])
        slack.add_channel("general", members=[slack.add_user("bob")])
        where = addresses(slack, api)
        good = secrets(slack, api)
        cases: tuple[tuple[list[str], dict[str, str], str], ...] = (
            ([], {}, "SLACK_BOT_TOKEN is not set. It is found under: OAuth & Permissions"),
            ([], {**good, "ANTHROPIC_API_KEY": "sk-wrong"}, "refuses the key"),
            ([], good, "apt-get install docker.io"),
            (["--launcher=process"], {**good, "SLACK_APP_TOKEN": "xapp-wrong"}, "SLACK_APP_TOKEN"),
            (["--launcher=process"], good, "Add --channel with one of: #random"),
            (["--launcher=process", "--channel=nowhere"], good, "The bot is in no channel nowhere"),
            (["--launcher=dokcer"], good, "write auto, docker or process"),
            (["--secret=TOKEN"], good, "write NAME=value"),
            (["--set=runner.launcher=dokcer"], good, 'Did you mean "docker"?'),
        )
        for arguments, environment, words in cases:
            code, said = await setup(tmp_path, "slack", *where, *arguments, **environment)
            assert code != 0, (arguments, said)
            assert words in " ".join(said.split()), (arguments, said)
            assert "Traceback" not in said


async def test_without_a_key_agents_echo_and_the_file_says_so_by_name(tmp_path: Path) -> None:
    async with FakeSlack() as slack, FakeModelAPI() as api:
        slack.add_channel("general", members=[slack.add_user("ann")])
        tokens = {name: value for name, value in secrets(slack, api).items() if name.startswith("SLACK")}
        code, said = await setup(
            tmp_path, "slack", *addresses(slack, api), "--launcher=process", "--channel=x", **tokens
        )
    assert code == 1
    assert "Agents only echo" in said
    assert tomllib.loads((tmp_path / "dovecote.toml").read_text())["agents"]["default"]["provider"] == "mock"


def test_a_platform_that_there_is_not_is_named_with_those_that_there_are() -> None:
    with pytest.raises(BotConfigError, match="no set-up for 'irc'; known: discord, slack"):
        flow.guide_of("irc")


@pytest.mark.parametrize(
    "step", ["Step {}/8 : COPY . .", "#7 [{}/8] RUN pip install", "#7 [runner {}/8] RUN x"]
)
def test_the_build_of_an_image_only_ever_moves_on(step: str) -> None:
    lines = [
        "Collecting anthropic",
        "noise",
        "Saved ./a.whl",
        *map(step.format, (2, 4, 3, 8)),
        "Collecting late",
    ]
    shares = [0]
    for line in lines:
        shares.append(image.share(line, shares[-1]))
    assert shares == sorted(shares)
    assert (shares[1], shares[3], shares[4], shares[-1]) == (1, 2, 58, 99)


async def test_an_image_that_cannot_be_built_ends_it_with_what_the_build_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = tmp_path / "build-image"
    failing.write_text("#!/bin/sh\necho Step 1/3 : FROM $2\necho no space left on the disk >&2\nexit 1\n")
    failing.chmod(0o755)
    monkeypatch.setattr(image, "BUILD", failing)
    with pytest.raises(SetUpFailed, match="no space left on the disk"):
        await image.build(Config(), "base:1", Console(file=io.StringIO()))
    failing.write_text('#!/bin/sh\necho "$@" >"$0.said"\n')
    await image.build(Config(), "", Console(file=io.StringIO()))
    assert (tmp_path / "build-image.said").read_text() == f"runner {image.BASE} dovecote-runner:dev\n"

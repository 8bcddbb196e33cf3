"""Set-up, doctor and chat as a person sees them: played in a real terminal against the fakes, and kept as it stands then."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.fakes.model_api import FakeModelAPI
from tests.fakes.slack import FakeSlack
from tests.support.dovecote import ROOT
from tests.support.terminals import DOWN, Terminal

KEPT_OUT = ("ANTHROPIC_", "SLACK_", "DISCORD_", "ONECLI_", "DOVECOTE_")
DOVECOTE = "dovecote() { PYTHONPATH=$ROOT $PYTHON -c 'from host.cli import main; main()' \"$@\"; }"
ANSWER = """\
Yesterday **42 orders** came in, seven of them from Porto.

| city | orders |
|---|---|
| Porto | 7 |
| Lisbon | 5 |"""


def pages() -> Iterator[tuple[str, str]]:
    yield from asyncio.run(_played()).items()


async def _played() -> dict[str, str]:
    made: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="dovecote-") as folder:
        async with FakeSlack() as slack, FakeModelAPI() as api:
            api.answer_with(lambda request: ANSWER)
            clean = {name: value for name, value in os.environ.items() if not name.startswith(KEPT_OUT)}
            clean |= {
                "DOCKER_HOST": f"unix://{folder}/none.sock",
                "ROOT": str(ROOT),
                "PYTHON": sys.executable,
            }
            terminal = Terminal(Path(folder), clean)
            try:
                await terminal.run(DOVECOTE, "clear")
                made["setup"] = await _setup(terminal, slack, api)
                made["doctor"] = await _doctor(terminal)
                made["chat"] = await _chat(terminal)
            finally:
                terminal.closes()
    return made


async def _setup(terminal: Terminal, slack: FakeSlack, api: FakeModelAPI) -> str:
    ann = slack.add_user("ann")
    slack.add_channel("random", members=[ann])
    general = slack.add_channel("general", members=[ann])
    urls = f"--set slack.api_url={slack.api_url} --set model.base_url={api.base_url}"
    await terminal.run(f"setup() {{ dovecote setup {urls} --no-start; }}", "clear")
    await terminal.run("setup")
    await terminal.answers("Where does your team talk?")
    await terminal.answers("SLACK_BOT_TOKEN", slack.bot_token)
    await terminal.answers("SLACK_APP_TOKEN", slack.app_token)
    await terminal.answers("ANTHROPIC_API_KEY", api.key)
    await terminal.answers("US dollars")
    await terminal.answers("How shall conversations run?", DOWN)
    await terminal.answers("Where shall I say hello?", DOWN)
    greeting = await slack.wait_for(lambda message: message.bot_id == slack.bot_id, 60)
    slack.say(ann, general, "hello", greeting.ts)
    await terminal.answers("Make them an owner?")
    await terminal.sees("everything is in")
    return terminal.page()


async def _doctor(terminal: Terminal) -> str:
    await terminal.run("clear", "dovecote doctor")
    await terminal.rests()
    return terminal.page()


async def _chat(terminal: Terminal) -> str:
    await terminal.run("clear", "dovecote chat")
    await terminal.answers("›", "What did we sell yesterday?")
    await terminal.sees("Lisbon")
    await terminal.answers("›")  # an empty line: the prompt is drawn anew
    await terminal.sees("›")
    return terminal.page()

"""`dovecote setup`: from nothing to a host that runs, each step tried against the platform itself.

Run again it leaves what works as it is and changes only what is asked for.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from rich.console import Console

from host import config as configuration
from host.cli.looks import engine, model
from host.cli.setup import desk as desks
from host.cli.setup import image
from host.cli.setup.desk import Desk, Wanted
from host.config import Config, dotenv, people, provider, writing
from host.ports import money
from host.ports.bot import BotConfigError
from host.ports.setup import Guide, Secret, SecretRefused, SetUpFailed
from host.runners.launch.examination import INSTALL

SETUPS = "dovecote.setup"  # the group of entry points that bring a platform's part
MODEL_KEY = Secret(
    "ANTHROPIC_API_KEY", "console.anthropic.com → API keys; leave it empty for an agent that only echoes"
)
TRIES = 3  # of a token that the platform refuses
NOBODY_GREETED = "Nobody is an owner yet: name one in each workspace, such as --owner T012AB3CD/U012AB3CD."
PROCESSES = "as processes of this machine, without isolation: a shell for everybody"


def print_link(path: Path | None, platform: str) -> str:
    """Where a platform's part begins."""
    return guide_of(platform).steps(configuration.load(path))[1]


def guide_of(platform: str) -> Guide:
    """Raises `BotConfigError`."""
    found = {entry.name: entry for entry in entry_points(group=SETUPS)}
    if platform not in found:
        known = ", ".join(sorted(found)) or "none"
        raise BotConfigError(f"there is no set-up for {platform!r}; known: {known}")
    guide: Guide = found[platform].load()
    return guide


def run(path: Path | None, wanted: Wanted, out: Console, *, ask: bool) -> Config | None:
    """The configuration that works now, to be started; None when that was not wanted.

    Raises `ConfigError`, `BotConfigError`, `SetUpFailed`, `OSError`.
    """
    flow = Flow(path, wanted, out, desks.of(out, wanted, ask=ask))
    asyncio.run(flow.run())
    return configuration.load(path) if wanted.start else None


class Flow:
    def __init__(self, path: Path | None, wanted: Wanted, out: Console, desk: Desk) -> None:
        self._path = path
        self._file = path or Path("dovecote.toml")
        self._secrets = dotenv.beside(path)
        self._wanted = wanted
        self._out = out
        self._desk = desk

    async def run(self) -> None:
        dotenv.take_in(self._secrets, os.environ)
        writing.change(self._file, self._wanted.settings)
        self._keep(self._wanted.secrets)
        self._judge_owner()
        platform = self._wanted.platform or await self._platform()
        guide = guide_of(platform)
        await self._tokens(guide)
        await self._model()
        await self._budget()
        await self._runners()
        await self._owner(guide, platform)
        self._desk.checked(f"everything is in {self._file} and {self._secrets}")

    def _judge_owner(self) -> None:
        """Before anything is asked. Raises `SetUpFailed`."""
        owner, slack = self._wanted.owner, self._config().slack
        if owner and "/" not in owner and slack is not None and slack.installs:
            raise SetUpFailed(
                f"{owner} may be somebody else in each workspace: write its own before it, such as T012AB3CD/{owner}"
            )

    # ── the platform's part ──────────────────────────────────────────────────────────────────────────────

    async def _platform(self) -> str:
        names = sorted(entry.name for entry in entry_points(group=SETUPS))
        choices = [(name, name.capitalize()) for name in reversed(names)]
        return await self._desk.choose("Where does your team talk?", choices, choices[0][0])

    async def _tokens(self, guide: Guide) -> None:
        config = self._config()
        missing = [
            secret for secret in guide.secrets(config, os.environ) if not os.environ.get(secret.variable)
        ]
        if missing:
            told, link = guide.steps(config)
            self._desk.say(told)
            self._desk.link(link, "Open the page that creates the app")
        for secret in missing:
            await self._ask(secret)

    async def _ask(self, secret: Secret) -> None:
        value = await self._desk.secret(secret.variable, secret.where, needed=True)
        self._keep({secret.variable: value})

    async def _owner(self, guide: Guide, platform: str) -> None:
        """Says hello and hears an answer, where nobody of the platform is an owner yet or a channel was named."""
        owners = list(self._config().access.owners)
        known = [owner for owner in owners if owner.startswith(f"{platform}:")]
        if self._wanted.owner:
            self._add_owner(owners, f"{platform}:{self._wanted.owner.removeprefix(f'{platform}:')}")
        if known and not self._wanted.channel:
            again = await self._desk.agree(
                f"{known[0]} is an owner already. Try it with the platform once more?", otherwise=False
            )
            if not again:
                return
        greeter = await self._visited(guide)
        if greeter is None:
            if not known and not self._wanted.owner:
                self._desk.say(NOBODY_GREETED)
            return
        named = people.named(platform, greeter.workspace, greeter.id)
        if named in known or self._wanted.owner:
            return
        if await self._desk.agree(f"{greeter.name} ({named}) answered. Make them an owner?", otherwise=True):
            self._add_owner(owners, named)
            self._desk.checked(f"{greeter.name} is an owner: they let people in and allow money")
        else:
            raise SetUpFailed(
                "Without an owner nobody can be asked. Run this again, and answer the greeting yourself."
            )

    def _add_owner(self, owners: list[str], name: str) -> None:
        if name not in owners:
            owners.append(name)
            writing.change(self._file, {("access", "owners"): owners})

    async def _visited(self, guide: Guide) -> Any:
        for tried in range(TRIES):
            try:
                return await guide.visit(self._config(), os.environ, self._desk)
            except SecretRefused as refused:
                self._desk.wrong(str(refused))
                if tried == TRIES - 1:
                    raise SetUpFailed(f"{refused.variable} does not work.") from refused
                taken = guide.secrets(self._config(), os.environ)
                secret = next(one for one in taken if one.variable == refused.variable)
                await self._ask(secret)
        raise SetUpFailed("It was tried often enough.")

    # ── the host's own part ──────────────────────────────────────────────────────────────────────────────

    async def _model(self) -> None:
        config = provider.resolved(self._config(), os.environ)
        if provider.echoing(config) and config.credentials.source == "environment":
            if key := await self._desk.secret(MODEL_KEY.variable, MODEL_KEY.where, needed=False):
                self._keep({MODEL_KEY.variable: key})
            else:
                echoes: dict[writing.Key, str] = {
                    ("agents", name, "provider"): "mock" for name in provider.echoing(config)
                }
                writing.change(self._file, echoes)
                self._desk.say(
                    'Agents only echo, as provider = "mock" says now; a key and provider = "claude" change that.'
                )
                return
        for finding in await model.look(provider.resolved(self._config(), os.environ), os.environ):
            if not finding.well:
                raise SetUpFailed(f"{finding.what}: {finding.seen}. {finding.remedy}")
            self._desk.checked(f"{finding.what}: {finding.seen}")

    async def _budget(self) -> None:
        settings = self._config().model
        if self._wanted.budget is not None:
            amount = self._wanted.budget
        elif "budget_usd_per_day" in settings.model_fields_set:
            return
        else:
            question = "How many US dollars may all agents together spend a day?"
            amount = await self._desk.dollars(question, settings.budget_usd_per_day)
        writing.change(self._file, {("model", "budget_usd_per_day"): float(amount)})
        self._desk.checked(
            f"at most {amount if math.isinf(amount) else money.written(amount)} US dollars a day"
        )

    async def _runners(self) -> None:
        """Containers where they can be had; processes only for those who know what that means."""
        if self._wanted.launcher:
            writing.change(self._file, {("runner", "launcher"): self._wanted.launcher})
        config = self._config()
        if not engine.uses_containers(config, ("slack", "discord")):
            self._desk.checked("conversations run as processes of this machine, without isolation")
            return
        found = engine.look(config, ("slack", "discord"), thoroughly=False)
        wrong = next((finding for finding in found if not finding.well), None)
        if wrong is None:
            self._desk.checked(f"conversations run in containers of {config.runner.image}")
        elif wrong.what == "Runner image":
            await image.build(config, self._wanted.base_image, self._out)
            self._desk.checked(f"built {config.runner.image}, in which conversations run")
        else:
            await self._without_engine(f"{wrong.what}: {wrong.seen}. {wrong.remedy}")

    async def _without_engine(self, problem: str) -> None:
        self._desk.wrong(problem)
        choices = [
            ("stop", "in containers: stop here, install an engine, run this again"),
            ("process", PROCESSES),
        ]
        if await self._desk.choose("How shall conversations run?", choices, "stop") == "stop":
            raise SetUpFailed(f"{INSTALL}, by --launcher process")
        writing.change(self._file, {("runner", "launcher"): "process"})

    def _keep(self, secrets: dict[str, str]) -> None:
        if secrets:
            dotenv.write(self._secrets, secrets)
            os.environ.update(secrets)

    def _config(self) -> Config:
        return configuration.load(self._path)


def secrets_of(given: Sequence[str]) -> dict[str, str]:
    """From `NAME=value` each. Raises `ValueError`."""
    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name or not value:
            raise ValueError(name)
        found[name] = value.strip()
    return found

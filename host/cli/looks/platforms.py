"""Slack and Discord: tokens, scopes, intents, membership, owners, and routes that lead nowhere. Each bot looks for itself."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from importlib.metadata import entry_points
from pathlib import Path

from host.config import Config, owners, people
from host.ports.bot import Bot, BotConfigError, MakeBot, Surroundings
from host.ports.findings import Finding, Looks

BOTS = "dovecote.bots"  # the group of entry points that make bots
SHOWN = ("slack", "discord")


def made(config: Config, environment: Mapping[str, str]) -> tuple[dict[str, Bot], list[Finding]]:
    """The bots whose secrets are there, and what is wrong with the others."""
    bots: dict[str, Bot] = {}
    wrong: list[Finding] = []
    for entry in sorted(entry_points(group=BOTS), key=lambda entry: entry.name):
        if entry.name not in SHOWN:
            continue
        make: MakeBot = entry.load()
        try:
            bot = make(Surroundings(config, Path(config.data) / entry.name, environment))
        except BotConfigError as error:
            wrong.append(_refused(entry.name, error))
            continue
        if bot is not None:
            bots[entry.name] = bot
    return bots, wrong


def _refused(platform: str, error: BotConfigError) -> Finding:
    """The bot's own words, which `up` says too; they end with the remedy."""
    seen = str(error).removeprefix(f"{platform.capitalize()}: ")
    return Finding(platform.capitalize(), False, seen.rstrip("."), "")


async def look(config: Config, bot: Bot) -> list[Finding]:
    try:
        return list(await bot.look(config)) if isinstance(bot, Looks) else []
    except BotConfigError as error:
        return [_refused(bot.channel_type, error)]


def configured(config: Config, bots: Collection[str], wrong: Collection[Finding]) -> Iterator[Finding]:
    """What is said of those that are not there."""
    refused = {finding.what.lower() for finding in wrong}
    for platform in SHOWN:
        if platform not in bots and platform not in refused:
            yield Finding(platform.capitalize(), True, f"not set up; `dovecote setup {platform}` does it")
    if not bots and not wrong:
        yield Finding("Platforms", False, "none is set up", "Run `dovecote setup slack`, or `… discord`")
    yield from _owners(config, bots)


def _owners(config: Config, bots: Collection[str]) -> Iterator[Finding]:
    """Who is asked about strangers and money: an owner on another platform is asked there."""
    for owner in config.access.owners:
        if owner.split(":", 1)[0] not in (*SHOWN, "console") or not owner.partition(":")[2]:
            seen = f"{owner!r} names nobody"
            yield Finding(
                "Owners", False, seen, "Write platform:id in access.owners, such as slack:U012AB3CD"
            )
    for team in config.slack.installs if config.slack is not None else ():
        if team.startswith("T") and not people.there(config.access.owners, "slack", team):
            seen = f"nobody is one in workspace {team}, so nobody can let people in or allow money there"
            yield Finding("Owners", False, seen, f"Name somebody of it in access.owners: slack:{team}/U…")
    if nobody := owners.missing(config, sorted(bots)):
        yield Finding("Owners", False, nobody, owners.remedy(sorted(bots)))

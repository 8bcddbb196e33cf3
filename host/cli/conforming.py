"""`dovecote conformance`: each assumption about a platform tried in a test channel, in a table and a report without names."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from host import config as configuration
from host.cli.looks import platforms
from host.config import Config, dotenv
from host.ports.bot import BotConfigError
from host.ports.conformance import Conforms, Operator, Outcome


def check(path: Path | None, platform: str, channel: str, report: Path, wait: float, out: Console) -> bool:
    """Whether everything that could be tried is as assumed. Raises `BotConfigError`, `ConfigError`, `OSError`."""
    dotenv.take_in(dotenv.beside(path), os.environ)
    config = configuration.load(path)
    bots, wrong = platforms.made(config, os.environ)
    bot = bots.get(platform)
    if not isinstance(bot, Conforms):
        said = [finding.sentence for finding in wrong if finding.what.lower() == platform]
        raise BotConfigError(" ".join(said) or f"{platform} is not set up, or cannot be tried")

    def tell(words: str) -> None:
        out.print(Text(words, "bold"), soft_wrap=True)

    try:
        outcomes = asyncio.run(_stoppable(bot, config, channel, Operator(tell, wait)))
    except asyncio.CancelledError as stopped:
        raise KeyboardInterrupt from stopped
    report.write_text(as_report(platform, outcomes), "utf-8")
    out.print(_table(outcomes))
    tried = [outcome for outcome in outcomes if not outcome.why]
    differing = sum(outcome.differs for outcome in tried)
    tell(f"{len(tried)} of {len(outcomes)} tried, {differing} differ. {report} has it without names.")
    return not differing


async def _stoppable(bot: Conforms, config: Config, channel: str, operator: Operator) -> Sequence[Outcome]:
    """SIGTERM ends it as Ctrl-C does: what was posted is removed."""
    task = asyncio.ensure_future(bot.conformance(config, channel, operator))
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await task


def as_report(platform: str, outcomes: Sequence[Outcome]) -> str:
    listed = [
        {
            "assumption": outcome.assumption,
            "expected": outcome.expected,
            "seen": outcome.seen,
            "tried": not outcome.why,
            "why_not": outcome.why,
        }
        for outcome in outcomes
    ]
    return json.dumps({"platform": platform, "assumptions": listed}, indent=2) + "\n"


def _table(outcomes: Sequence[Outcome]) -> Table:
    table = Table("", "assumption", "expected", "seen", box=None, padding=(0, 2, 0, 0))
    for outcome in outcomes:
        mark = "–" if outcome.why else "✗" if outcome.differs else "✓"
        seen = f"not tried: {outcome.why}" if outcome.why else outcome.seen
        style = "bold red" if outcome.differs else ""
        table.add_row(Text(mark, style), outcome.assumption, outcome.expected, Text(seen, style))
    return table

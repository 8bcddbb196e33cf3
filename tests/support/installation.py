"""An installation in which everything is well, on fakes, for tests that break one thing of it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import apsw
import tomlkit

from host.registry.db import open_host_db
from tests.fakes.model_api import FakeModelAPI
from tests.fakes.slack import FakeSlack
from tests.support.commands import Command


@dataclass
class Installation:
    folder: Path
    slack: FakeSlack
    model: FakeModelAPI
    command: Command
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def write(self, **sections: dict[str, Any]) -> None:
        """The configuration, with these keys of these sections beside the usual ones."""
        for section, keys in sections.items():
            self.settings.setdefault(section, {}).update(keys)
        (self.folder / "dovecote.toml").write_text(tomlkit.dumps(self.settings), "utf-8")

    def records(self) -> Path:
        """host.db as a host that has ended leaves it."""
        self.data.mkdir(mode=0o700, exist_ok=True)
        open_host_db(self.data / "host.db").close()
        return self.data / "host.db"

    def change_records(self, sql: str, *bindings: object) -> None:
        with contextlib.closing(apsw.Connection(str(self.records()))) as connection:
            connection.execute(sql, bindings)

    def conversation(self, id_: str = "s00000000000000000001", **columns: object) -> Path:
        """A row of host.db, and its folder."""
        row: dict[str, object] = {
            "id": id_,
            "agent": "default",
            "channel_type": "slack",
            "workspace_id": self.slack.workspace.team_id,
            "platform_id": next(iter(self.slack.workspace.channels)),
            "thread_id": id_,
            "scope": "x",
            "created_at": 1,
            "active_at": int(time.time() * 1000),
            "busy": 0,
            **columns,
        }
        names = ", ".join(row)
        self.change_records(
            f"INSERT INTO sessions ({names}) VALUES ({', '.join('?' * len(row))})", *row.values()
        )
        folder = self.data / "sessions" / id_
        (folder / "inbound").mkdir(parents=True, exist_ok=True)
        return folder


@asynccontextmanager
async def installation(folder: Path) -> AsyncIterator[Installation]:
    async with FakeSlack() as slack, FakeModelAPI() as model:
        ann = slack.add_user("ann")
        slack.add_channel("general", members=[ann])
        environment = {
            "SLACK_BOT_TOKEN": slack.bot_token,
            "SLACK_APP_TOKEN": slack.app_token,
            "ANTHROPIC_API_KEY": model.key,
        }
        made = Installation(folder, slack, model, Command(folder, environment))
        made.write(
            runner={"launcher": "process"},
            slack={"api_url": slack.api_url},
            model={"base_url": model.base_url, "budget_usd_per_day": 10},
            agents={"default": {"provider": "claude"}},
            access={"owners": [f"slack:{ann.id}"]},
        )
        yield made

"""What a runner is told: its environment, its folders, the places its agent may write to."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from host.config import Agent, Config, provider
from host.config.schema import Voice
from host.governance import narrowing, rules
from host.intake import router
from host.mailbox.open import Records
from host.ports.controls import ChannelRules
from host.registry import trials
from host.registry.port import Statements
from host.registry.sessions import Session
from host.runners.launch.base import LaunchError, Runner, RunnerSpec
from sessiondb.records import Address, Destination
from sessiondb.remote_servers import url_of

MIB = 1024 * 1024


class Specs:
    def __init__(self, installation: str, records: Records) -> None:
        self._installation = installation
        self._db = records.db
        self._registry = records.sessions
        self._spaces = records.spaces
        self._mailboxes = records.mailboxes

    async def spec(self, config: Config, session: Session, incarnation: str) -> RunnerSpec:
        """Raises `LaunchError` when the session's agent is not configured any more, `SessionError` when host.db fails."""
        agent = config.agents.get(session.agent)
        if agent is None:
            raise LaunchError(f"its agent {session.agent!r} is not configured any more", transient=False)
        shared = await self._spaces.ready(session.agent, session.scope)
        await self._spaces.working(session)
        own = self._registry.agent_folder(session)
        decided = await self._decided(session)
        agent = narrowing.narrowed(agent, decided)
        told = {
            "name": session.agent,
            "provider": "mock" if agent.echoes else agent.provider,
            "instructions": agent.instructions,
            "options": told_of(agent.options),
            **({} if (left := narrowing.within(decided)) is None else {"within": left}),
            **_of_channel(config, session, agent, decided),
        }
        environment = {
            "DOVECOTE_AGENT": json.dumps(told),
            "DOVECOTE_BELLS": "1" if config.host.bells else "0",
            "DOVECOTE_STREAM_IDLE": str(config.runner.stream_idle),
            "DOVECOTE_IDLE_EXIT": str(config.runner.idle_exit),
            "DOVECOTE_EGRESS": "1" if agent.network.allow else "0",
        }
        if agent.title_model:
            environment["DOVECOTE_TITLE_MODEL"] = agent.title_model
        if agent.fallback_model:
            environment["DOVECOTE_FALLBACK_MODEL"] = agent.fallback_model
            environment["DOVECOTE_FALLBACK_ELSEWHERE"] = "1" if agent.fallback_url else "0"
        if words := config.voice.words:
            voice = {"timeout": config.voice.timeout, "largest": config.voice.largest_mb * MIB}
            environment["DOVECOTE_VOICE"] = json.dumps({"command": words, **voice})
        if self._db.ahead is not None:
            environment["DOVECOTE_AHEAD"] = str(self._db.ahead())
        if slowest := config.host.poll_slowest:
            environment["DOVECOTE_POLL_SLOWEST"] = str(slowest)
        shown = own.resolve() if await asyncio.to_thread(own.is_dir) else None
        return RunnerSpec(
            self._installation,
            session.id,
            incarnation,
            session.folder,
            shared,
            environment,
            Path(session.folder.root) / "runner.log",
            _outline(environment, shared, shown),
            shown,
            node=self._db.node,
        )

    async def there(self, config: Config, session: Session) -> Config:
        """The same, with of the session's agent what its channel allows. Raises `SessionError` when host.db fails."""
        if session.agent not in config.agents:
            return config
        agent = narrowing.narrowed(config.agents[session.agent], await self._decided(session))
        return config.model_copy(update={"agents": {**config.agents, session.agent: agent}})

    async def _decided(self, session: Session) -> ChannelRules:
        def job(connection: Statements) -> ChannelRules | None:
            return rules.of_channel(connection, trials.judged_at(connection, session.address))

        return await self._db.read(job) or ChannelRules()

    async def objection(self, config: Config, session: Session, runner: Runner) -> str:
        """Why a runner from an earlier life of the host may not live on; '' when it may. Raises `LaunchError`, `SessionError`."""
        spec = await self.spec(config, session, runner.incarnation)
        if runner.outline != spec.outline:
            # A channel that became private has another folder now, whose words must not reach the earlier one.
            return "it was started for another privacy scope, or by other settings"
        committed = await self._mailboxes.use(session, lambda writer: writer.value("incarnation"))
        return "" if runner.incarnation == committed else "another was meant to take its place"

    @staticmethod
    def differs(before: Config, now: Config, session: Session) -> bool:
        """Whether a runner that was started by the one is told, or may do, other things by the other."""
        return _settings_of(before, session) != _settings_of(now, session)

    def destinations(self, config: Config, session: Session) -> list[Destination]:
        agent = config.agents[session.agent]
        if session.address.thread_id.startswith(
            trials.THREAD
        ):  # whoever tries a task alone reads what it says
            return []
        return [
            Destination(
                name, place.description, Address(place.platform, place.workspace, place.channel, place.thread)
            )
            for name, place in agent.destinations.items()
        ]


def _settings_of(config: Config, session: Session) -> tuple[Agent | None, str, Voice]:
    rule = router.rule_of(session.address, config.routes)
    return config.agents.get(session.agent), rule.instructions if rule else "", config.voice


def _of_channel(config: Config, session: Session, agent: Agent, decided: ChannelRules) -> dict[str, str]:
    """By which model and under which instructions an agent answers there. A model that the configuration does not let it
    have, or not any more, counts for nothing."""
    rule = router.rule_of(session.address, config.routes)
    told = (rule.instructions if rule else "", decided.instructions)
    model = decided.model if decided.model in provider.choices(agent) else agent.model
    return {"model": model, "channel": "\n\n".join(part for part in told if part)}


def told_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Without where the host's own servers are and what it says there, which is none of a container's business."""
    told = {
        name: {"url": url_of(name)} if server.get("url") else server
        for name, server in options.get("mcp", {}).items()
    }
    return {**options, **({"mcp": told} if told else {})}


def _outline(environment: Mapping[str, str], shared: Path, agent: Path | None) -> str:
    told = json.dumps([sorted(environment.items()), str(shared), str(agent or "")])
    return hashlib.sha256(told.encode()).hexdigest()[:16]

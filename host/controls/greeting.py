"""What an agent is greeted with where it was added: who it is, and what it could be asked."""

from __future__ import annotations

from collections.abc import Sequence

from host.config import Route
from host.config.settings import Settings
from host.governance import access, narrowing, rules
from host.intake.router import rule_of
from host.ports.controls import Suggestion
from host.registry.port import Registry
from host.words import joined, laid_out, say
from sessiondb.records import Address

SUGGESTED = (  # where an agent's configuration suggests nothing
    Suggestion(say("What can you do?"), say("What can you do for me, and what can you not do?")),
    Suggestion(say("Summarise something"), say("Summarise this for me: ")),
    Suggestion(say("Every weekday morning"), say("Every weekday at 9, tell me what I should look at today.")),
    Suggestion(say("Explain a file"), say("I will upload a file. Tell me what is in it.")),
)
GREETED = {
    "mention": say("Mention me with what you want; in the thread I answer without a mention."),
    "always": say("I answer every message here."),
    "pattern": say("I answer what fits the pattern that I was given, and whoever mentions me."),
}


class Greeting:
    def __init__(self, settings: Settings, db: Registry) -> None:
        self._settings = settings
        self._db = db

    async def suggestions(self, place: Address) -> Sequence[Suggestion]:
        rule = await self._rule(place)
        agent = self._settings.config.agents.get(rule.agent) if rule is not None else None
        if agent is None or rule is None or rule.engage == "off":
            return ()
        return tuple(Suggestion(one.title, one.message) for one in agent.prompts) or SUGGESTED

    async def models(self, place: Address) -> Sequence[str]:
        """By which a question can be answered there."""
        decided = await self._db.read(lambda connection: rules.of_channel(connection, place))
        rule = rule_of(place, self._settings.config.routes, decided)
        agent = self._settings.config.agents.get(rule.agent) if rule is not None else None
        return narrowing.models_of(agent, decided) if agent is not None else ()

    async def welcome(self, place: Address) -> str:
        """Markdown, for whom it was added to; '' where no agent answers."""
        rule = await self._rule(place)
        if rule is None or rule.engage == "off" or not access.works_in(self._settings.config.access, place):
            return ""
        asked = [laid_out("- {message}", message=one.message) for one in await self.suggestions(place)]
        agent = self._settings.config.agents.get(rule.agent)
        name = agent.name if agent is not None else ""  # what is no name for people is none that greets them
        return say(
            "{hello} {greeting}\n\nYou could ask:\n{suggestions}\n\n`!help` shows what else I understand.",
            hello=say("Hello! I am {agent}, an AI agent.", agent=name)
            if name
            else say("Hello! I am an AI agent."),
            greeting=GREETED[rule.engage],
            suggestions=joined("\n", asked),
        )

    async def _rule(self, place: Address) -> Route | None:
        decided = await self._db.read(lambda connection: rules.of_channel(connection, place))
        return rule_of(place, self._settings.config.routes, decided)

"""`Controls` for tests of a platform's adapter: it answers what it was given and writes down what was ordered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from host.ports.commands import Grammar, help_text
from host.ports.controls import (
    CallShown,
    ChannelRules,
    Forbidden,
    Judged,
    Later,
    Offer,
    Outdated,
    Overview,
    Spent,
    Story,
    Suggestion,
    TaskList,
    TaskOrder,
)
from host.ports.events import Viewer
from host.words import as_it_is, say
from sessiondb import Address

NO_SPENDING = Spent(0, 0, -1, -1, 0, 0, text="**Today:** $0.00")


class FakeControls:
    """`forbid` is raised by whatever is asked next."""

    def __init__(self, *, owners: Sequence[str] = ()) -> None:
        self.owners = owners
        self.shown = Overview()
        self.spent = NO_SPENDING
        self.story = "**Message** `m1`"
        self.channel_rules = ChannelRules()
        self.ordered: list[tuple[str, ...]] = []
        self.grammar = Grammar({"halt": "stop"})
        self.suggested: Sequence[Suggestion] = (Suggestion("What can you do?", "Tell me what you can do."),)
        self.forbid = ""
        self.spoken = "en"
        self.judged: list[Judged] = []

    def _ask(self, viewer: Viewer, *what: str) -> None:
        if self.forbid:
            reason, self.forbid = self.forbid, ""
            raise Forbidden(as_it_is(reason))
        self.ordered.append((viewer.author.id, *what))

    def _ask_owner(self, viewer: Viewer, *what: str) -> None:
        if not self.is_owner(viewer):
            raise Forbidden(say("Only an owner may do that."))
        self._ask(viewer, *what)

    async def language(self, viewer: Viewer) -> str:
        return self.spoken

    async def help(self, viewer: Viewer) -> str:
        return help_text(self.grammar, viewer.address.channel_type)

    async def suggestions(self, place: Address) -> Sequence[Suggestion]:
        return self.suggested

    async def overview(self, viewer: Viewer) -> Overview:
        self._ask(viewer, "overview")
        return self.shown

    async def tasks(self, viewer: Viewer) -> TaskList:
        self._ask(viewer, "tasks")
        return self.shown.tasks

    async def order(self, viewer: Viewer, task_id: str, order: TaskOrder) -> str:
        self._ask(viewer, "order", task_id, order.value)
        return f"{order.value}: {task_id}"

    async def stop(self, viewer: Viewer, session_id: str) -> str:
        self._ask(viewer, "stop", session_id)
        return "Stopping."

    async def usage(self, viewer: Viewer) -> Spent:
        self._ask(viewer, "usage")
        return self.spent

    async def why(self, viewer: Viewer, message: str) -> Story:
        self._ask(viewer, "why", message)
        return Story(self.story, (), self.story)

    async def call(self, viewer: Viewer, question: str) -> CallShown:
        self._ask(viewer, "call", question)
        return CallShown("bash", "d" * 64, '{"command": "ls"}', (), 1)

    async def grants(self, viewer: Viewer, text: str) -> str:
        self._ask(viewer, "grants", text)
        return f"**grants** {text}"

    async def judge(self, viewer: Viewer, said: Judged) -> str:
        self._ask(viewer, "judge", said.answer, said.choice, said.reason)
        self.judged.append(said)
        return "Noted."

    async def models_for(self, answer: str) -> Sequence[str]:
        return self.models()

    async def again(self, viewer: Viewer, answer: str, model: str = "") -> str:
        self._ask(viewer, "again", answer, *filter(None, (model,)))
        return "Once more."

    async def again_here(self, viewer: Viewer, model: str) -> str:
        self._ask(viewer, "again_here", model)
        return "Once more."

    async def hand_over(self, viewer: Viewer, text: str) -> str:
        self._ask(viewer, "hand_over", text)
        return "Given on."

    async def memory(self, viewer: Viewer, text: str) -> str:
        self._ask(viewer, "memory", text)
        return f"**memory** {text}"

    async def offer(self, viewer: Viewer, wanted: Later) -> Offer:
        self._ask(viewer, "offer", wanted.when)
        return Offer("later:1", "Understood.")

    def is_owner(self, viewer: Viewer) -> bool:
        return viewer.author.id in self.owners

    def agents(self) -> Sequence[str]:
        return ("default",)

    def models(self) -> Sequence[str]:
        return ("claude-opus-5-5", "claude-haiku-5-5")

    async def tools(self, viewer: Viewer) -> Sequence[str]:
        return ("bash", "memory", "mcp:github")

    async def configure(self, viewer: Viewer, text: str) -> str:
        self._ask_owner(viewer, "configure", text)
        return f"**config** {text}"

    async def rules(self, viewer: Viewer) -> ChannelRules:
        self._ask(viewer, "rules")
        return self.channel_rules

    async def set_rules(self, viewer: Viewer, rules: ChannelRules) -> str:
        self._ask_owner(viewer, "set_rules")
        now = self.channel_rules
        if rules != now and rules.version not in (-1, now.version):
            raise Outdated(as_it_is("Olga has changed this channel in the meantime."), now)
        self.channel_rules = replace(rules, version=max(now.version, 0) + 1)
        return "In this channel: as you say."

    async def revert(self, viewer: Viewer, channel: Address, number: int) -> str:
        self._ask_owner(viewer, "revert", str(number))
        return "In this channel: as before."

    async def decide(self, viewer: Viewer, request: str, choice: str) -> str:
        self._ask_owner(viewer, "decide", request, choice)
        return f"{request}: {choice}"

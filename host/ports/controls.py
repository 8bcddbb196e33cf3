"""The port between the core and whatever shows people its state: slash commands, App Home, the command line.

Who may see what: an owner everything; anybody else the sessions and tasks of their workspace's public channels, of the
private channel they ask from, and of their own direct messages. Texts are in words, with times in the viewer's zone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, Protocol, overload

from host.ports.commands import Grammar
from host.ports.events import Viewer
from host.words import Sentence, as_it_is, many, say
from sessiondb.records import Address


class Forbidden(Exception):
    """The person may not do that, or there is no such thing for them; the text is one line for them alone."""

    def __init__(self, text: Sentence) -> None:
        super().__init__(text)


class NotNow(Forbidden):
    """Nothing was decided: the same may be asked once more."""


@dataclass(frozen=True, slots=True)
class Running:
    """A conversation that is being worked on."""

    session_id: str
    agent: str
    address: Address
    since: int  # ms UTC
    status: str  # in verbs: "is working: searching the web"


class TaskOrder(StrEnum):
    PAUSE = "pause"
    RESUME = "resume"
    RUN = "run"
    CANCEL = "cancel"
    TRY = "try"  # now, where whoever tries it alone reads it


@dataclass(frozen=True, slots=True)
class TaskView:
    """A scheduled task. `next_at` is ms UTC, 0 when nothing is due; `when` and `next_words` are for people."""

    id: str
    title: str
    agent: str
    address: Address  # where it posts
    when: str  # "every weekday at 09:00 (Europe/Berlin)"
    next_at: int
    next_words: str  # in the viewer's zone
    paused: bool
    orders: tuple[TaskOrder, ...]  # what this viewer may order
    problem: str = ""  # of its last run, one line
    why_paused: str = ""  # where nobody paused it: one line
    then_at: tuple[int, ...] = ()  # the four due times after the next, ms UTC
    then_words: str = ""  # the same in the viewer's zone

    @property
    def details(self) -> tuple[Sentence, ...]:
        """When it runs, when next, and what became of its last run: what there is of it, in words."""
        told = [as_it_is(self.when)] if self.when else []
        if self.paused:
            told.append(say("paused: {reason}", reason=self.why_paused) if self.why_paused else say("paused"))
        elif self.next_words:
            told.append(say("next {time}", time=self.next_words))
        if self.then_words and not self.paused:
            told.append(say("then {times}", times=self.then_words))
        if self.problem:
            told.append(say("last run failed: {reason}", reason=self.problem))
        return tuple(told)


@dataclass(frozen=True, slots=True)
class Judged:
    """What a person chose under an answer: a click, or the form after a 👎."""

    answer: str  # what the button named: the `key` of its `Delivery`
    choice: Literal["good", "bad"]
    at: int  # ms UTC, the platform's clock
    reason: str = ""  # in their own words


@dataclass(frozen=True, slots=True)
class CallShown:
    """A call that waits for a yes, or waited, whole."""

    tool: str
    digest: str
    text: str  # its arguments
    by: tuple[str, ...]  # names of those who have allowed it
    needed: int
    agent: str = ""  # whose it is


@dataclass(frozen=True, slots=True)
class Opinions:
    """What people thought of answers, each person's last choice about each answer."""

    agent: str
    model: str
    good: int
    bad: int


@dataclass(frozen=True, slots=True)
class Spent:
    """What models cost, in millionths of a US dollar; limits are -1 where there is none."""

    today: int
    this_month: int
    limit_today: int
    limit_this_month: int
    tokens_today: int
    here_today: int  # in the conversation it was asked from
    by_agent: tuple[tuple[str, int], ...] = ()  # this month
    text: str = ""  # the same as lines of Markdown, for a chat
    here: str = ""  # of it what is about the conversation it was asked from and nothing else
    opinions: tuple[Opinions, ...] = ()  # this month


@dataclass(frozen=True, slots=True)
class Failure:
    """A message that ended without an answer."""

    at: int  # ms UTC
    message_id: str
    address: Address
    reason: str  # one line, no content of the message


@dataclass(frozen=True)
class TaskList(Sequence[TaskView]):
    """As many as are shown at once, and how many more there are. `page` is where a browser lists them all, '' without one."""

    tasks: tuple[TaskView, ...] = ()
    left: int = 0
    page: str = ""
    beyond: int = 0  # what to skip for the rest of them; 0 where these are all

    def __len__(self) -> int:
        return len(self.tasks)

    @overload
    def __getitem__(self, at: int) -> TaskView: ...

    @overload
    def __getitem__(self, at: slice) -> tuple[TaskView, ...]: ...

    def __getitem__(self, at: int | slice) -> TaskView | tuple[TaskView, ...]:
        return self.tasks[at]

    def rest(self, shown: int) -> Sentence | None:
        """What is said below so many of them; None where these are all."""
        count = max(0, len(self.tasks) - shown) + self.left
        if not count:
            return None
        if self.page:
            return many(
                "and {count} more: {page} lists them all",
                "and {count} more: {page} lists them all",
                count,
                page=self.page,
            )
        return many(
            "and {count} more: whoever runs me sees them with `dovecote tasks`",
            "and {count} more: whoever runs me sees them with `dovecote tasks`",
            count,
        )


@dataclass(frozen=True, slots=True)
class Overview:
    running: tuple[Running, ...] = ()
    waiting: int = 0  # conversations that wait for a free place
    tasks: TaskList = TaskList()
    spent: Spent | None = None
    failures: tuple[Failure, ...] = ()


TRY = "try"  # what `Controls.decide` takes for a trial: the offer stands as it was

NO_TOOLS = "none"
NO_MODELS = "none"  # but the one that answers there
SERVER = "mcp:"  # before the name of an MCP server, which is allowed as a whole
LARGEST_BUDGET = 1_000_000.0  # US dollars a day
LONGEST_INSTRUCTIONS = 3_000  # characters; Slack's field takes no more
MOST_NAMED = 25  # people of a channel's list; a menu of Discord's takes no more


@dataclass(frozen=True, slots=True)
class ChannelRules:
    """What an owner decided about a channel, over the configuration's routes; '' and -1 leave a thing as it is there."""

    agent: str = ""
    engage: Literal["", "mention", "always", "off"] = ""
    budget_usd_per_day: float = -1.0
    model: str = ""  # one of those that the configuration lets the agent have
    instructions: str = ""  # behind those of the route
    effort: str = ""  # how hard the model is to think
    tools: tuple[str, ...] = ()  # of its agent's; (`NO_TOOLS`,) for none, () for all
    askers: tuple[str, ...] = ()  # ids of people and groups who may ask; () for whoever may talk to agents
    keepers: tuple[str, ...] = ()  # ids of the owners who may change all this; () for every owner
    work: Literal["", "all", "none"] = ""  # what several people see of a turn under way; '' = verbs, no names
    bill: bool = False  # whether an answer says below it how long it took and what it cost
    language: str = ""  # of what the host itself says
    models: tuple[
        str, ...
    ] = ()  # that people may choose for one question; (`NO_MODELS`,) for none, () for all of its agent's
    version: int = field(default=-1, compare=False)  # 0: nobody decided anything yet; -1: whichever holds


class Outdated(Forbidden):
    """Somebody else changed a channel while it was written down how it is to be. `.now` is what holds."""

    def __init__(self, text: Sentence, now: ChannelRules) -> None:
        super().__init__(text)
        self.now = now


@dataclass(frozen=True, slots=True)
class Later:
    """What a person wants of a message at some time: to be reminded of it, or `what` they say."""

    when: str  # in their own words
    what: str  # '' = a reminder
    text: str  # of the message
    author: str = ""  # who wrote it
    link: str = ""
    zone: str = ""  # the person's, as they wrote it; '' = as it is known


@dataclass(frozen=True, slots=True)
class Offer:
    """What was understood, to be said back; `request` is what `Controls.decide` takes for a yes."""

    request: str
    words: str
    times: tuple[
        int, ...
    ] = ()  # ms UTC, the next times that `words` names, for who shows them by the reader's clock
    before: str = ""  # of `words`, what stands before the times,
    after: str = ""  # and what stands behind them


@dataclass(frozen=True, slots=True)
class Story:
    """The life of a message, or several messages of which one is to be asked for. All of it is Markdown."""

    head: str
    lines: tuple[
        tuple[int, str], ...
    ]  # ms UTC, 0 where no time is known; for who shows them by the reader's clock
    text: str  # the whole, by the person's clock as the host knows it


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What a person could ask."""

    title: str
    message: str


class Controls(Protocol):
    """Every method checks what the viewer may, and raises `Forbidden` in words."""

    @property
    def grammar(self) -> Grammar:
        """The words of the commands, with the aliases of the configuration."""

    async def language(self, viewer: Viewer) -> str:
        """In which the host speaks where they ask from; all that these methods return is in it."""

    async def help(self, viewer: Viewer) -> str:
        """How to talk to agents and to the host here, Markdown."""

    async def suggestions(self, place: Address) -> Sequence[Suggestion]:
        """What a person could ask the agent that answers there; at most four."""

    async def overview(self, viewer: Viewer) -> Overview: ...

    async def tasks(self, viewer: Viewer) -> TaskList:
        """Those of the place the viewer asks from first, then the others they may see."""

    async def order(self, viewer: Viewer, task_id: str, order: TaskOrder) -> str:
        """Carries the order out; returns what became of it, one line."""

    async def stop(self, viewer: Viewer, session_id: str) -> str:
        """Ends the session's turn under way, as `!stop` would; one line."""

    async def usage(self, viewer: Viewer) -> Spent: ...

    async def why(self, viewer: Viewer, message: str) -> Story:
        """The life of a message; '' as message is the last one of the place it is asked from."""

    async def call(self, viewer: Viewer, question: str) -> CallShown:
        """What would run, and who has allowed it so far, by the question of its approval as an ANSWER names it."""

    async def grants(self, viewer: Viewer, text: str) -> str:
        """What stands behind `grants`: nothing (which tools are allowed in advance there), or `revoke NUMBER`. Markdown."""

    async def judge(self, viewer: Viewer, said: Judged) -> str:
        """Notes what the person thinks of an answer, their last choice; one line for them alone."""

    async def models_for(self, answer: str) -> Sequence[str]:
        """By which its question can be answered once more; empty where there is nothing to choose from. `answer` as in
        `Judged`."""

    async def again(self, viewer: Viewer, answer: str, model: str = "") -> str:
        """Has the question of an answer answered once more: by whoever asked it, or an owner. `answer` as in `Judged`; one
        line for them alone."""

    async def again_here(self, viewer: Viewer, model: str) -> str:
        """The same of the last answer in the conversation asked from, by the model that is called so, '' = the agent's."""

    async def hand_over(self, viewer: Viewer, text: str) -> str:
        """Gives the thread asked from to the agent that `text` begins with, and asks it what stands behind; one line for
        them alone, and one for all when it is done."""

    async def memory(self, viewer: Viewer, text: str) -> str:
        """What stands behind `memory`: nothing or words to look for (what the agent noted here), `correct MARK WORDS` or
        `forget MARK yes`. Markdown."""

    async def offer(self, viewer: Viewer, wanted: Later) -> Offer:
        """Understands when it is to be; nothing is scheduled before its author has `decide`d for it by "yes"."""

    def is_owner(self, viewer: Viewer) -> bool: ...

    def agents(self) -> Sequence[str]:
        """The names an owner may choose from."""

    def models(self) -> Sequence[str]:
        """The models an owner may choose from; not every agent has each of them."""

    async def rules(self, viewer: Viewer) -> ChannelRules:
        """Of the channel asked from."""

    async def tools(self, viewer: Viewer) -> Sequence[str]:
        """Those of the agent that answers there, as `ChannelRules.tools` names them; a server's are one."""

    async def configure(self, viewer: Viewer, text: str) -> str:
        """What stands behind `config`: nothing (what holds), `versions` or `revert NUMBER`, for owners. Markdown."""

    async def set_rules(self, viewer: Viewer, rules: ChannelRules) -> str:
        """Owners only, and of them whom the channel names. Durable and recorded (who, when, what, before and after) when it
        returns; one line that says what holds now. `rules.version` is what they saw before: `Outdated` where that does not
        hold any more."""

    async def revert(self, viewer: Viewer, channel: Address, number: int) -> str:
        """Whom `set_rules` lets. What a channel had at a version holds again, as a version of its own; one line that says what
        holds."""

    async def decide(self, viewer: Viewer, request: str, choice: str) -> str:
        """Answers a request that a `Delivery.decision` carried. Owners only (a stranger's access, a budget's raise); whether a
        message is sent as it was written is its author's alone; what becomes of an answer to a
        question that was changed or deleted, theirs and owners'.

        The first decision counts; a later one is told what was decided and by whom.
        """

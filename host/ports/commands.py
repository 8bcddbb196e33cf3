"""What people order of the host in words: one grammar for every platform and every way to write it.

Only a message whose first word is an order, or nearly one, is the host's; "!important" and everything else is for an agent.
What is nearly one is never guessed at: its author is asked. Pure.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from host.words import Sentence, alternatives, explained, joined, laid_out, say

STOP, CLEAR, MUTE = "stop", "clear", "mute"
ASIDE = "aside"  # a remark among people: context, wakes nobody
QUEUE = "queue"  # waits for the end of the turn under way instead of steering it
AGAIN = "again"
HANDOFF = "handoff"  # the thread is another agent's from now on
SUMMARY = "summary"  # the agent sums up what was said
HELP, STATUS, WHY, USAGE, TASKS, CONFIG = "help", "status", "why", "usage", "tasks", "config"
MEMORY = "memory"  # what the agent noted
GRANTS = "grants"  # yeses in advance

COMMANDS = {  # what each does, as the help says it
    STOP: say("stops what runs"),
    CLEAR: say("forgets what was said"),
    MUTE: say("keeps me quiet until I am mentioned"),
    QUEUE: say("waits until I am done, with the words behind it"),
    AGAIN: say("answers the last question here once more, by the model whose name stands behind it"),
    SUMMARY: say("sums up what was said here, with the words behind it as a wish"),
    HANDOFF: say("gives this thread to the agent whose name stands behind it, with what was said"),
    ASIDE: say("says something among people"),
    STATUS: say("what runs here"),
    TASKS: say("what is scheduled here; `try` and a task's id behind it run it once where you alone read it"),
    USAGE: say("what it costs"),
    WHY: say("what became of the last message, or of the one whose link stands behind it"),
    MEMORY: say("what I noted here, and behind it how to correct and forget it"),
    CONFIG: say("who answers here, when, and for how much"),
    GRANTS: say("which tools are allowed in advance here; `revoke` and a number behind it take one back"),
    HELP: say("this list"),
}
ONE_QUESTION = say("one question, answered by that model")
SHOWN = frozenset(
    {AGAIN, HANDOFF, HELP, STATUS, WHY, USAGE, TASKS, MEMORY, CONFIG, GRANTS}
)  # the host answers by itself
SAID = frozenset({ASIDE, QUEUE, SUMMARY})  # reach the agent all the same: as a COMMAND's value, too
ALONE = frozenset({CLEAR, MUTE})  # what cannot be undone is not begun by a sentence that begins like it
NEEDS_WORDS = frozenset({QUEUE})  # nothing cannot wait
UNCLEAR = "unclear"  # of a CONTROL: it begins nearly like an order; the host asks what was meant
NEAR = 2  # letters

_MARK = "!"
_BEFORE = re.compile(r"^@\S+\s+(?=[!！])")
_WORD = re.compile(r"[^\W_][\w-]*")
_TRIED = re.compile(r"try\s+[`“\"]?([a-z0-9-]{1,60})[`”\".]?", re.IGNORECASE)
_ENDS = ".,!?:;…。！？"
_LINKS = (  # to a message: Slack's, Discord's
    re.compile(r"/archives/[A-Z0-9]+/p(\d{10})(\d{6})\b"),
    re.compile(r"/channels/(?:@me|\d+)/\d+/(\d+)"),
)
_PLEASE = r"please|pls|now|here|bitte|por favor|お願いします|请"
_ALONE = re.compile(_PLEASE, re.IGNORECASE)
# What may stand behind those that the host answers: a sentence that begins like one of them ("!why not try it") is an agent's.
TAKES = {
    HELP: _ALONE,
    STATUS: _ALONE,
    USAGE: _ALONE,
    TASKS: re.compile(rf"{_PLEASE}|[`“\"]?try\b.*", re.IGNORECASE | re.DOTALL),
    WHY: re.compile(rf"{_PLEASE}|<?https?://\S+|[`“\"]?[\w.:-]*\d[\w.:-]*[`”\"]?", re.IGNORECASE),
    CONFIG: re.compile(rf"{_PLEASE}|(?:versions?|history|revert|undo)\b.*", re.IGNORECASE | re.DOTALL),
    GRANTS: re.compile(rf"{_PLEASE}|revoke\b.*", re.IGNORECASE | re.DOTALL),
}
_CONFIGURED_BY = {"slack": "`/dovecote config`", "discord": "`/config`"}


@dataclass(frozen=True, slots=True)
class Order:
    name: str
    rest: str = ""  # what stands behind it


@dataclass(frozen=True, slots=True)
class Slip:
    """Nearly an order. `why` is one line for its author."""

    word: str
    why: Sentence


class Grammar:
    def __init__(self, aliases: Mapping[str, str] | None = None) -> None:
        """`aliases` are other words for orders, such as "halt" for "stop"."""
        self.aliases = {_plain(alias): name for alias, name in (aliases or {}).items()}
        self._known = {**{name: name for name in COMMANDS}, **self.aliases}

    def typed(self, text: str) -> Order | Slip | None:
        """What a message orders, also behind a mention; None where it is none of the host's."""
        first, rest = marked(text)
        return self.word(first, rest) if first else None

    def word(self, word: str, rest: str = "") -> Order | Slip | None:
        """The same of a first word without its mark, as behind "/dovecote". None for what is not even near."""
        word = _plain(word).rstrip(_ENDS)
        if _WORD.fullmatch(word) is None:
            return None
        name = self._known.get(word)
        if name is None:
            near = self._nearest(word)
            return (
                None
                if near is None
                else Slip(word, say("There is no `!{word}`. Did you mean `!{near}`?", word=word, near=near))
            )
        if name in ALONE and rest:
            return Slip(
                word, say("`!{word}` stands alone: {does}. Nothing was done.", word=word, does=COMMANDS[name])
            )
        if (fits := TAKES.get(name)) is not None and rest and not fits.fullmatch(rest.rstrip(_ENDS).strip()):
            taken = say(
                "`!{word}`: {does}. It takes no such words behind it, and nothing was done.",
                word=word,
                does=COMMANDS[name],
            )
            return Slip(word, taken)
        if name in NEEDS_WORDS and not rest:
            return Slip(word, say("`!{word}` {does}: there are none.", word=word, does=COMMANDS[name]))
        return Order(name, rest)

    def _nearest(self, word: str) -> str | None:
        found = [(distance(word, known), known) for known in self._known]
        near = [(far, known) for far, known in found if far <= min(NEAR, len(known) - 1)]
        return min(near)[1] if near else None


def help_text(grammar: Grammar, platform: str, models: Sequence[tuple[str, str]] = ()) -> Sentence:
    """Markdown. `models`: those by which one question can be answered here, each behind what it is called."""
    told = say(
        "*In a channel* mention me; in the thread I answer without a mention. *In a direct message* just write."
    )
    also: dict[str, list[str]] = {}
    for alias, name in grammar.aliases.items():
        also.setdefault(name, []).append(f"`!{alias}`")
    lines = [
        laid_out("- {line}", line=explained(alternatives([f"`!{name}`", *also.get(name, [])]), does))
        for name, does in COMMANDS.items()
    ]
    if models:
        named = [laid_out("`!{word} …` ({model})", word=word, model=model) for word, model in models]
        lines.append(laid_out("- {line}", line=explained(alternatives(named), ONE_QUESTION)))
    slash = {
        "slack": say(
            "`/dovecote ask …` asks here and opens a thread. `/dovecote` knows the words above, too, but not in which thread"
            " it is given: what is about one thread, write in it with `!`."
        ),
        "discord": say("`/ask` asks here and opens a thread; the words above are commands behind `/`, too."),
    }
    parts = [told, joined("\n", lines), *([slash[platform]] if platform in slash else [])]
    return joined("\n\n", parts)


def marked(text: str) -> tuple[str, str]:
    """The first word of a message without the mark before it, and what stands behind it; ('', '') without a mark."""
    first, rest = _halves(_BEFORE.sub("", text.strip(), count=1))
    first = unicodedata.normalize("NFKC", first)
    return (first[len(_MARK) :], rest) if first.startswith(_MARK) else ("", "")


def changed_by(platform: str) -> str:
    """How an owner changes what holds in a channel; '' where it cannot be done in a chat."""
    return _CONFIGURED_BY.get(platform, "")


def tried(rest: str) -> str:
    """Behind `tasks`: the id of the task that is to be tried, '' where none is."""
    found = _TRIED.fullmatch(rest.strip().strip("`"))
    return found[1].lower() if found else ""


def message_named(rest: str) -> str:
    """A link to a message names its id; anything else is taken as it is."""
    for link in _LINKS:
        if found := link.search(rest):
            return ".".join(found.groups())
    return rest.strip("<> \t\n")


def distance(a: str, b: str) -> int:
    """How many letters one has more, less, other or exchanged with its neighbour."""
    if abs(len(a) - len(b)) > NEAR:
        return NEAR + 1
    earlier, last = list[int](), list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        now = [i]
        for j, y in enumerate(b, 1):
            now.append(min(last[j] + 1, now[j - 1] + 1, last[j - 1] + (x != y)))
            if i > 1 and j > 1 and x == b[j - 2] and y == a[i - 2]:
                now[j] = min(now[j], earlier[j - 2] + 1)
        earlier, last = last, now
    return last[-1]


def _plain(word: str) -> str:
    return unicodedata.normalize("NFKC", word).casefold()


def _halves(text: str) -> tuple[str, str]:
    first, *rest = text.split(maxsplit=1) or [""]
    return first, rest[0].strip() if rest else ""

"""`!memory`: what the agent of a place has noted there, shown, corrected and forgotten line by line.

It is the memory of one privacy scope: that of the conversation asked from, and of no other. A line is named by a mark of what
it says, so that nothing is changed but what was seen; a change is in the audit before it is made, without a word of the note.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from pathlib import Path

from host.config.settings import Settings
from host.controls.handing import taking_part
from host.folders import notes
from host.folders.notes import Line, Note
from host.folders.share import Unfit
from host.governance import access, audit, rules, sight, words
from host.intake import router
from host.mailbox.open import Records
from host.ports.controls import Forbidden
from host.ports.events import Viewer
from host.registry import sessions
from host.registry.port import Statements
from host.words import Sentence, as_it_is, clauses, joined, many, number, say

FORGET, CORRECT, YES, EVERYTHING = "forget", "correct", "yes", "everything"
SHORTEST_MARK = 4  # letters
LONGEST_SHOWN = 2_600  # characters of an answer: one message on either platform
LONGEST_LINE = 200
LONGEST_PATH = 80
LONGEST_CORRECTION = 2_000
NOTHING = say("Nothing is noted here. Ask the agent to remember something, and it will show up.")
NO_AGENT = say("No agent answers here.")
OF_MEMBERS = say("What is noted for this conversation is of all public channels, so it is not for guests.")
OWNERS_ONLY = say(
    "This is noted for all public channels together, so an owner alone may change it. The agent may, if you ask it."
)
HOW_TO_FORGET = say(
    "`!memory forget MARK` takes the line or file away whose mark stands before it, `!memory forget everything` all."
)
HOW_TO_CORRECT = say("`!memory correct MARK NEW WORDS` has the line say that instead.")
GONE = say("There is no such mark here, or what it stood for has changed: `!memory` shows what there is.")
NOT_NOW = say("That could not be changed right now; try again in a minute.")
STAYS = say("What was said in a conversation stays in it until `!clear`.")


@dataclass(frozen=True, slots=True)
class Place:
    """Whose memory it is."""

    agent: str
    scope: str
    root: Path
    common: bool  # all public channels'


@dataclass(frozen=True, slots=True)
class Loss:
    """What would be forgotten."""

    counted: str  # without a word of it
    words: str
    shown: str
    change: Callable[[], None]


class Remembering:
    def __init__(self, settings: Settings, records: Records, now: Callable[[], int]) -> None:
        self._settings = settings
        self._db = records.db
        self._sessions = records.sessions
        self._spaces = records.spaces
        self._now = now

    async def told(self, viewer: Viewer, text: str) -> str:
        """Markdown; `text` is what stands behind the order. Raises `Forbidden`."""
        place = await self._db.read(lambda connection: self._place(connection, viewer))
        try:
            await self._spaces.take_over(place.agent, place.scope)
        except OSError as error:
            raise Forbidden(NOT_NOW) from error
        word, rest = _halves(text)
        if word not in (FORGET, CORRECT):
            return _listed(*await self._read(place), looked_for=text.strip())
        if place.common and not sight.is_owner(self._settings.config.access, viewer):
            raise Forbidden(OWNERS_ONLY)
        mark, rest = _halves(rest)
        if word == CORRECT:
            return await self._correct(viewer, place, mark, rest)
        return await self._forget(viewer, place, mark, sure=rest.casefold().rstrip(".!") == YES)

    # ── whose ────────────────────────────────────────────────────────────────────────────────────────────

    def _place(self, connection: Statements, viewer: Viewer) -> Place:
        """Who may ask the agent there may see what it has at hand there. Raises `Forbidden`."""
        config, address = self._settings.config, viewer.address
        sight.of(connection, config.access, viewer)
        decided = rules.of_channel(connection, address)
        rule = router.rule_of(address, config.routes, decided)
        takes_part = taking_part(connection, address)
        if takes_part is None and (rule is None or rule.engage == "off"):
            raise Forbidden(NO_AGENT)
        if not access.asks_here(config.access, viewer, decided.askers if decided else ()):
            raise Forbidden(access.NOT_HERE)
        agent, continued = takes_part or (rule.agent if rule else "", "")
        scope = self._scope(connection, viewer, continued or sessions.session_id(agent, address))
        root = self._sessions.shared_by(agent, scope) / "memories"
        common = sight.is_common(address, scope) and address.channel_type != access.LOCAL
        return Place(agent, scope, root, common)

    def _scope(self, connection: Statements, viewer: Viewer, session_id: str) -> str:
        """That of the conversation; where there is none yet, that which it would have. Guests of a public channel have one
        of their own there, and who sees the channel sees theirs."""
        in_part = access.sees_in_part(self._settings.config.access, viewer)
        guests = sessions.scope_name("guests", viewer.address, "")
        own = guests if in_part else sessions.scope_name(viewer.privacy, viewer.address, viewer.author.id)
        found = self._sessions.load(connection, "id = ?", (session_id,))
        if not found or found[0].scope == own:
            return own
        if in_part:
            raise Forbidden(OF_MEMBERS)
        return guests if viewer.privacy == "public" and found[0].scope == guests else own

    # ── changes ──────────────────────────────────────────────────────────────────────────────────────────

    async def _correct(self, viewer: Viewer, place: Place, mark: str, text: str) -> str:
        if not mark or not text:
            raise Forbidden(HOW_TO_CORRECT)
        if len(text) > LONGEST_CORRECTION:
            raise Forbidden(say("A line may have up to {most} characters.", most=number(LONGEST_CORRECTION)))
        found, _ = await self._read(place)
        note, line = _marked(found, mark)
        if line is None:
            raise Forbidden(HOW_TO_CORRECT)
        new = " ".join(text.replace("\0", " ").split())
        await self._change(
            viewer, place, "1 line corrected", lambda: notes.correct(place.root, note, line, new)
        )
        return say(
            "Corrected, from:\n{before}\nto:\n{after}", before=_block([line.text]), after=_block([new])
        )

    async def _forget(self, viewer: Viewer, place: Place, mark: str, *, sure: bool) -> str:
        if not mark:
            raise Forbidden(HOW_TO_FORGET)
        found, more = await self._read(place)
        if not found and not more:
            return NOTHING
        loss = (
            _everything(place.root, found, more) if mark == EVERYTHING else _of_mark(place.root, found, mark)
        )
        if not sure:
            return say(
                "That takes away {what}:\n{shown}\n`!memory forget {mark} yes` does it.",
                what=loss.words,
                shown=loss.shown,
                mark=mark,
            )
        await self._change(viewer, place, f"{loss.counted} forgotten", loss.change)
        return joined(" ", [say("It is forgotten."), STAYS])

    async def _read(self, place: Place) -> tuple[list[Note], bool]:
        """Raises `Forbidden`."""
        try:
            return await self._spaces.run(place.root, notes.read, place.root)
        except Unfit as error:
            raise Forbidden(NOT_NOW) from error

    async def _change(self, viewer: Viewer, place: Place, what: str, change: Callable[[], None]) -> None:
        detail, now = f"{place.agent} in {place.scope}: {what}", self._now()
        await self._db.write(lambda connection: audit.record(connection, viewer, "memory", detail, now))
        try:
            await self._spaces.run(place.root, change)
        except (notes.Changed, FileNotFoundError) as error:
            raise Forbidden(GONE) from error
        except OSError as error:
            raise Forbidden(NOT_NOW) from error


def _everything(root: Path, found: Sequence[Note], more: bool) -> Loss:
    counted = say("{what} and more", what=_counted(found)) if more else _counted(found)
    return Loss(counted, say("everything"), counted, partial(notes.take_all, root))


def _of_mark(root: Path, found: Sequence[Note], mark: str) -> Loss:
    """Raises `Forbidden`."""
    note, line = _marked(found, mark)
    if line is not None:
        shown, change = _block([line.text]), partial(notes.take_line, root, note, line)
        return Loss("1 line", say("of {file} the line", file=_named(note.path)), shown, change)
    counted = _counted([note])
    beginning = _block([one.text for one in note.lines[:5]])
    return Loss(counted, clauses([_named(note.path), counted]), beginning, partial(notes.take, root, note))


def _marked(found: Sequence[Note], mark: str) -> tuple[Note, Line | None]:
    """Raises `Forbidden` for what names nothing, or more than one thing."""
    mark = mark.strip("`")
    fitting: list[tuple[Note, Line | None]] = []
    if len(mark) >= SHORTEST_MARK:
        fitting += [(note, None) for note in found if note.mark.startswith(mark)]
        fitting += [(note, line) for note in found for line in note.lines if line.mark.startswith(mark)]
    if len(fitting) != 1:
        raise Forbidden(GONE)
    return fitting[0]


def _listed(found: Sequence[Note], more: bool, looked_for: str) -> str:
    """Files with their lines, each behind its mark; `looked_for`: of the lines those in which that stands."""
    if not found and not more:
        return NOTHING
    letters, wanted = _letters(found), looked_for.casefold()
    told, left, room = list[Sentence](), 0, LONGEST_SHOWN
    for note in found:
        named = wanted in note.path.casefold()
        fits = [line for line in note.lines if named or wanted in line.text.casefold()]
        if not named and not fits:
            continue
        head = as_it_is(f"`{note.mark[:letters]}` {_named(note.path)}")
        if not note.is_text:
            head = say("{file}, which is no text", file=head)
        told_of_it = [f"{one.mark[:letters]}  {words.shortened(one.text, LONGEST_LINE)}" for one in fits]
        shown = _within(told_of_it, room - len(head))
        left += len(fits) - len(shown)
        if len(head) < room:
            told.append(joined("\n", [head, _block(shown)]) if shown else head)
            room -= len(told[-1]) + 1
    if not told:
        return say("Nothing that is noted here has “{words}” in it.", words=words.name(looked_for))
    if left or more:
        rest = many("And {count} line.", "And {count} lines.", left) if left else say("And more lines.")
        told.append(joined(" ", [rest, say("`!memory WORDS` shows those with the words.")]))
    return joined("\n", [*told, HOW_TO_CORRECT, HOW_TO_FORGET])


def _within(lines: Sequence[str], room: int) -> Sequence[str]:
    """As many as fit, with the marks of a block around them."""
    lengths = accumulate((len(line) + 1 for line in lines), initial=8)
    return lines[: max(0, sum(length <= room for length in lengths) - 1)]


def _letters(found: Sequence[Note]) -> int:
    """Of a mark, so that no two are alike."""
    marks = [note.mark for note in found] + [line.mark for note in found for line in note.lines]
    return next(
        (n for n in range(SHORTEST_MARK, 64) if len({mark[:n] for mark in marks}) == len(set(marks))), 64
    )


def _counted(found: Sequence[Note]) -> Sentence:
    lines = sum(len(note.lines) for note in found)
    return say(
        "{lines} in {files}",
        lines=many("{count} line", "{count} lines", lines),
        files=many("{count} file", "{count} files", len(found)),
    )


def _block(lines: Sequence[str]) -> str:
    """As they stand there: nothing in them is a mention, a link or the end of the block."""
    inside = "\n".join(words.shortened(line, LONGEST_LINE).replace("```", "'''") for line in lines)
    return f"```\n{inside}\n```" if inside else ""


def _named(path: str) -> str:
    return f"`{words.one_line(path, LONGEST_PATH).replace('`', chr(39))}`"


def _halves(text: str) -> tuple[str, str]:
    first, *rest = text.split(maxsplit=1) or [""]
    return first.casefold(), rest[0].strip() if rest else ""

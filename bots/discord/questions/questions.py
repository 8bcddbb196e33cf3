"""Questions as buttons that outlive the process: everything a click needs is in its id and in the book.

Who may answer is checked before anything else; the host then takes the first answer and no other.
"""

from __future__ import annotations

import asyncio
import io
import re
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self
from weakref import WeakValueDictionary

import discord
from discord import ui

from bots.common import answering, words
from bots.common.short import shortened
from bots.discord.client import places, telling
from bots.discord.panels import forms
from bots.discord.questions.book import Asked, QuestionBook
from bots.discord.reading import events
from bots.markup import discord as markup
from host.ports.bot import HostBusy, Ingest
from host.ports.controls import CallShown, Forbidden
from host.ports.events import EventClass, InboundEvent, Ingested, Verdict
from host.words import Sentence, say
from sessiondb import approving

VOTES = "🗳️ "  # before the line that says who has allowed a call so far
LONGEST_LABEL = 80  # characters of a button
LONGEST_ANSWER = 4_000  # characters
OWN_WORDS, DETAILS = "text", "details"
LONGEST_INLINE = 1_800  # characters of a call that are shown in a message; a longer one is a file
MOST_CLOSED = 1_000
BUTTON = r"dovecote:(?P<key>[0-9a-f]{1,20}):(?P<choice>\d{1,3}|text|details)"
FORM = r"dovecote:(?P<key>[0-9a-f]{1,20}):form"
WORDS = "answer"  # the form's field


class Desk:
    """Where clicks are decided."""

    def __init__(self, host: Ingest, book: QuestionBook, now: Callable[[], int]) -> None:
        self._host = host
        self._book = book
        self.owners: frozenset[str] = frozenset()
        self._now = now
        self._closed: OrderedDict[str, str] = OrderedDict()  # by question that is over: who chose what
        self._showing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()  # by question

    async def clicked(self, interaction: discord.Interaction[Any], key: str, choice: str) -> None:
        if choice == DETAILS:
            await self._show_details(interaction, key)
            return
        asked = await self._asked(interaction, key)
        if asked is None:
            return
        if choice == OWN_WORDS:
            await interaction.response.send_modal(await telling.told(interaction, answer_form(key)))
        elif int(choice) < len(asked.options):
            await self._take(interaction, asked, asked.options[int(choice)])
        else:
            await telling.whisper(interaction, answering.CLOSED)

    async def wrote(
        self, interaction: discord.Interaction[Any], form: re.Match[str], entered: forms.Values
    ) -> None:
        asked = await self._asked(interaction, form["key"])
        if asked is not None:
            await self._take(interaction, asked, entered[WORDS])

    async def _asked(self, interaction: discord.Interaction[Any], key: str) -> Asked | None:
        """None when this person may not answer, or nobody any more; they are told."""
        asked, user = await self._known(interaction, key), str(interaction.user.id)
        if asked is None or (asked.expires_at and asked.expires_at < self._now()):
            await telling.whisper(interaction, answering.CLOSED)
            return None
        if not answering.may_answer(user, asked.audience, self.owners, approval=asked.approval):
            await telling.whisper(interaction, answering.refusal(asked.audience))
            return None
        return asked

    async def _known(self, interaction: discord.Interaction[Any], key: str) -> Asked | None:
        return await asyncio.to_thread(self._book.get, key) or _as_it_stands(interaction, key)

    async def _take(self, interaction: discord.Interaction[Any], asked: Asked, value: str) -> None:
        """Deferred first: Discord waits three seconds, a disk may take longer."""
        await interaction.response.defer()
        try:
            taken = await self._host.ingest(_answer(interaction, asked, value))
        except HostBusy:
            await telling.whisper(interaction, words.BUSY)
            return
        # One after the other: who has allowed it so far never stands in the place of what was decided.
        async with self._showing.setdefault(asked.question, asyncio.Lock()):
            if taken.verdict in (Verdict.STORED, Verdict.DUPLICATE):
                if taken.verdict is Verdict.STORED:
                    value = (
                        await telling.told(interaction, answering.choice(value)) if asked.approval else value
                    )
                    self._closed[asked.question] = _chosen(interaction, taken, value)
                self._closed.setdefault(asked.question, "")
                while len(self._closed) > MOST_CLOSED:
                    self._closed.popitem(last=False)
                await self._close(interaction, asked, taken)
            elif taken.verdict is Verdict.COUNTED:
                await self._count(interaction, asked, taken)
            else:
                await telling.whisper(interaction, taken.reason or words.NOT_TAKEN)

    async def _count(self, interaction: discord.Interaction[Any], asked: Asked, taken: Ingested) -> None:
        """One yes of several. The buttons stay as they are: who says no more of them takes none back."""
        if asked.question in self._closed:
            return
        counted = await telling.told(interaction, answering.counted(taken.by, taken.needed))
        said = f"{VOTES}{counted}"
        content = telling.with_line(await telling.standing(interaction), said, instead_of=VOTES)
        await interaction.edit_original_response(content=content)

    async def _show_details(self, interaction: discord.Interaction[Any], key: str) -> None:
        """Whoever sees the conversation may see what would run in it."""
        await interaction.response.defer(ephemeral=True, thinking=True)
        asked, viewer = await self._known(interaction, key), events.viewer(interaction)
        try:
            if asked is None or viewer is None:
                raise Forbidden(answering.CLOSED)
            call = await self._host.controls.call(viewer, asked.question)
        except Forbidden as error:
            await telling.whisper(interaction, str(error))
        except HostBusy:
            await telling.whisper(interaction, words.BUSY)
        else:
            await interaction.followup.send(
                ephemeral=True, suppress_embeds=True, **_details(call, await telling.language_of(interaction))
            )

    async def _close(self, interaction: discord.Interaction[Any], asked: Asked, taken: Ingested) -> None:
        """The buttons go, who decided what stays: also when the first who pressed could not have it shown."""
        if line := self._closed[asked.question]:
            await telling.close(interaction, line, instead_of=VOTES)
        else:
            await interaction.edit_original_response(view=None)
        if taken.verdict is Verdict.DUPLICATE:
            await telling.whisper(interaction, answering.ANSWERED)


def _chosen(interaction: discord.Interaction[Any], taken: Ingested, value: str) -> str:
    who = telling.literal(interaction.user.display_name)
    if len(taken.by) > 1:
        who = _people(taken.by)
    return f"**{who}**: {telling.literal(' '.join(value.split()))[:300]}"


class ChoiceButton(ui.DynamicItem[ui.Button[ui.View]], template=BUTTON):
    def __init__(self, key: str, choice: str, label: str = "?") -> None:
        style = discord.ButtonStyle.primary if choice == "0" else discord.ButtonStyle.secondary
        button: ui.Button[ui.View] = ui.Button(
            label=label if isinstance(label, Sentence) else shortened(label, LONGEST_LABEL),
            custom_id=f"dovecote:{key}:{choice}",
            style=style,
        )
        super().__init__(button)
        self._key = key
        self._choice = choice

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["key"], match["choice"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        desk: Desk = interaction.client.desk
        await desk.clicked(interaction, self._key, self._choice)


def answer_form(key: str) -> ui.Modal:
    """For an answer in one's own words; `Desk.wrote` gets it."""
    form = ui.Modal(title=say("Your answer"), custom_id=f"dovecote:{key}:form")
    words: ui.TextInput[ui.Modal] = ui.TextInput(
        style=discord.TextStyle.paragraph, custom_id=WORDS, max_length=LONGEST_ANSWER
    )
    form.add_item(ui.Label(text=say("Answer"), component=words))
    return form


def view_of(key: str, asked: Asked) -> ui.View:
    """Never registered: the library finds the buttons by their pattern, in this life or the next."""
    view = ui.View(timeout=None)
    for number, option in enumerate(asked.options):
        view.add_item(ChoiceButton(key, str(number), answering.choice(option) if asked.approval else option))
    if asked.free_text:
        view.add_item(ChoiceButton(key, OWN_WORDS, say("Answer…")))
    if asked.details:
        view.add_item(ChoiceButton(key, DETAILS, say("Details")))
    return view


def _as_it_stands(interaction: discord.Interaction[Any], key: str) -> Asked | None:
    """A question that is in the book of another host, which is gone: by its buttons. Who may answer it, and until when, the host
    judges of each answer anyway."""
    labels = dict(_labels(interaction, key))
    offered = [labels[choice] for choice in sorted(filter(str.isdecimal, labels), key=int)]
    if not labels:
        return None
    approval, person = DETAILS in labels, str(interaction.user.id)
    options = (approving.ALLOW, approving.DENY) if approval else tuple(offered)
    where = places.address_clicked(interaction)
    return Asked(key, where, options, OWN_WORDS in labels, (person,), 0, approval, approval)


def _labels(interaction: discord.Interaction[Any], key: str) -> Iterator[tuple[str, str]]:
    for row in interaction.message.components if interaction.message is not None else ():
        for one in getattr(row, "children", ()):
            found = re.fullmatch(BUTTON, str(getattr(one, "custom_id", "") or ""))
            if found is not None and found["key"] == key:
                yield found["choice"], str(one.label or "")


def _answer(interaction: discord.Interaction[Any], asked: Asked, value: str) -> InboundEvent:
    return InboundEvent(
        event_class=EventClass.ANSWER,
        address=asked.address,
        natural_id=asked.question,
        author=events.author_of(interaction.user, str(interaction.locale)),
        at=int(interaction.created_at.timestamp() * 1000),
        text=value,
        value=value,
        refers_to=asked.question,
    )


def _people(ids: Sequence[str]) -> str:
    return ", ".join(f"<@{id_}>" for id_ in ids)


def _details(call: CallShown, language: str) -> dict[str, Any]:
    """A call as it would run, whole."""
    votes = answering.votes(call).told(language)
    head = f"**{telling.literal(call.tool)}**\n{telling.literal(votes)}"
    if (
        len(call.text) <= LONGEST_INLINE
        and "```" not in call.text
        and len(head) < markup.CHUNK - LONGEST_INLINE - 10
    ):
        return {"content": f"{head}\n```\n{call.text}\n```"}
    data = io.BytesIO(call.text.encode("utf-8", "replace"))
    return {"content": head[: markup.CHUNK], "file": discord.File(data, "call.json")}

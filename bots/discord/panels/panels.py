"""Lists with buttons: what is scheduled, what runs. Pure but for the clicks.

A button's id names what it is about, so that it works in any life of the bot; who may press it is the host's to say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Self

import discord
from discord import ui

from bots.common import words
from bots.common.short import shortened
from bots.discord.client import telling
from host.ports.controls import Running, TaskList, TaskOrder, TaskView
from host.words import Sentence, as_it_is, joined, laid_out, many, say
from sessiondb import Address

MOST_TASKS = 5  # on a page: six components each, and Discord takes forty
MOST_RUNNING = 8  # three components each
LONGEST_TITLE = 120  # characters
LONGEST_LINE = 200
LONGEST_ID = 60  # of a task: a button's id has a hundred characters
DOUBT = "doubt"
LABELS = {
    "back": say("◀ Back"),
    "on": say("More ▶"),
    "look": say("Refresh"),
    "keep": say("Keep it"),
}
COLOUR = discord.Colour(0x5B7FA6)


class TaskButton(
    ui.DynamicItem[ui.Button[ui.LayoutView]],
    template=rf"dovecote:task:(?P<deed>run|pause|resume|cancel|try|doubt):(?P<page>\d{{1,4}}):(?P<task>\S{{1,{LONGEST_ID}}})",
):
    """Orders something of a task; `DOUBT` asks whether it is really to be cancelled."""

    def __init__(self, deed: str, page: int, task: str) -> None:
        final = deed == TaskOrder.CANCEL.value
        label = {DOUBT: say("Cancel…"), TaskOrder.CANCEL.value: say("Yes, cancel it")}.get(deed)
        button: ui.Button[ui.LayoutView] = ui.Button(
            label=label or words.ORDERS[TaskOrder(deed)],
            style=discord.ButtonStyle.danger if final else discord.ButtonStyle.secondary,
            custom_id=f"dovecote:task:{deed}:{page}:{task}",
        )
        super().__init__(button)
        self.deed, self.page, self.task = deed, page, task

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["deed"], int(match["page"]), match["task"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        commands = interaction.client.commands
        if self.deed == DOUBT:
            await commands.turned(interaction, self.page, doubted=self.task)
        else:
            await commands.ordered(interaction, self.task, TaskOrder(self.deed), self.page)


class PageButton(
    ui.DynamicItem[ui.Button[ui.LayoutView]],
    template=r"dovecote:tasks:(?P<way>back|on|look|keep):(?P<page>\d{1,4})",
):
    """Turns to a page of the list of tasks, as it is now."""

    def __init__(self, way: str, page: int) -> None:
        label = LABELS[way]
        super().__init__(ui.Button(label=label, custom_id=f"dovecote:tasks:{way}:{page}"))
        self.page = page

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["way"], int(match["page"]))

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.client.commands.turned(interaction, self.page)


class HaltButton(ui.DynamicItem[ui.Button[ui.LayoutView]], template=r"dovecote:halt:(?P<session>\S{1,80})"):
    """Stops one of several conversations."""

    def __init__(self, session: str) -> None:
        super().__init__(
            ui.Button(
                label=say("Stop"), style=discord.ButtonStyle.danger, custom_id=f"dovecote:halt:{session}"
            )
        )
        self.session = session

    @classmethod
    async def from_custom_id(
        cls, interaction: discord.Interaction[Any], item: ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        return cls(match["session"])

    async def callback(self, interaction: discord.Interaction[Any]) -> None:
        await interaction.client.commands.halted(interaction, self.session)


def tasks(found: TaskList, page: int = 0, note: str = "", doubted: str = "") -> ui.LayoutView:
    """`page` counts from 0; one beyond the end is the last. `doubted` is the task that is about to be cancelled."""
    last = max(0, (len(found) - 1) // MOST_TASKS)
    page = min(page, last)
    box: ui.Container[ui.LayoutView] = ui.Container(
        ui.TextDisplay(say("### Scheduled tasks")), accent_colour=COLOUR
    )
    if not found:
        box.add_item(ui.TextDisplay(words.NO_TASKS))
    for task in found[page * MOST_TASKS : (page + 1) * MOST_TASKS]:
        box.add_item(ui.TextDisplay(_task(task)))
        if task.orders and len(task.id) <= LONGEST_ID:
            box.add_item(ui.ActionRow(*_buttons(task, page, doubted)))
    if page == last and (rest := found.rest(len(found))):
        box.add_item(ui.TextDisplay(laid_out("-# {rest}", rest=rest)))
    turning = [PageButton("back", page - 1)] if page else []
    turning += [PageButton("look", page)] if found else []
    turning += [PageButton("on", page + 1)] if page < last else []
    return _panel(box, turning, note)


def running(found: Sequence[Running], note: str = "") -> ui.LayoutView:
    box: ui.Container[ui.LayoutView] = ui.Container(
        ui.TextDisplay(say("### Running here")), accent_colour=COLOUR
    )
    if not found:
        box.add_item(ui.TextDisplay(words.NOTHING_RUNS))
    for one in found[:MOST_RUNNING]:
        line = say(
            "**{agent}** in {place} {status}, since {time}",
            agent=short(one.agent),
            place=place(one.address),
            status=short(one.status, 100),
            time=moment(one.since),
        )
        box.add_item(ui.Section(ui.TextDisplay(line), accessory=HaltButton(one.session_id)))
    if len(found) > MOST_RUNNING:
        more = len(found) - MOST_RUNNING
        box.add_item(ui.TextDisplay(many("-# and {count} more", "-# and {count} more", more)))
    return _panel(box, [], note)


def _panel(box: ui.Container[ui.LayoutView], buttons: Sequence[ui.Item[Any]], note: str) -> ui.LayoutView:
    view = ui.LayoutView(timeout=None)
    if note:
        view.add_item(ui.TextDisplay(note if isinstance(note, Sentence) else short(note)))
    view.add_item(box)
    if buttons:
        view.add_item(ui.ActionRow(*buttons))
    return view


def _buttons(task: TaskView, page: int, doubted: str) -> list[ui.Item[Any]]:
    if task.id == doubted:
        return [TaskButton(TaskOrder.CANCEL.value, page, task.id), PageButton("keep", page)]
    deeds = [DOUBT if order is TaskOrder.CANCEL else order.value for order in task.orders]
    return [TaskButton(deed, page, task.id) for deed in deeds]


def _task(task: TaskView) -> Sentence:
    next_words = moment(task.next_at) if task.next_at else ""
    shown = replace(
        task,
        when=short(task.when),
        why_paused=short(task.why_paused),
        next_words=next_words,
        then_words=", ".join(map(moment, task.then_at)),
        problem=short(task.problem),
    )
    return say(
        "**{title}** in {place}\n{details}",
        title=short(task.title, LONGEST_TITLE),
        place=place(task.address),
        details=joined(" · ", shown.details),
    )


def place(address: Address) -> Sentence:
    room = address.thread_id or address.platform_id
    if address.workspace_id and room.isdigit():
        return as_it_is(f"<#{room}>")
    return say("a direct message")


def moment(at: int) -> str:
    """Discord shows it by its reader's clock. `at` is ms UTC."""
    return f"<t:{at // 1000}:f>"


def short(text: str, most: int = LONGEST_LINE) -> str:
    """One line in which nothing is markup."""
    return telling.literal(shortened(" ".join(text.split()), most))

"""What Discord shows beside plain answers, drawn from the payloads that the bot really sends."""

import html
import itertools
import re
from collections.abc import Iterator
from typing import Any

from discord import ui

from bots.common.faces import Faces
from bots.discord.client import telling
from bots.discord.live import message as live
from bots.discord.panels import judging, panels, rules
from bots.discord.questions import decisions, questions
from bots.discord.questions.book import Asked
from bots.discord.sending import framing, rendering
from bots.markup import tree
from host.config import Agent, Config
from host.delivery.endings import EXPIRED
from host.ports import bill
from host.ports.bot import Decision, Delivery, Live
from host.ports.controls import ChannelRules, Running, TaskList, TaskOrder, TaskView
from sessiondb import Address, content, plan
from tests.pictures import approval as drawn
from tests.pictures import discord_messages
from tests.pictures import html as shared
from tests.support.plotting import LOFTS

AT = 1_795_700_000_000  # ms UTC
ORDERS = (TaskOrder.RUN, TaskOrder.PAUSE, TaskOrder.CANCEL)
HERE = Address("discord", "1", "2", "3")
COLOURS = {1: "#5865f2", 2: "#4e5058", 3: "#248046", 4: "#da373c"}  # of a button, by its style
ROW, BUTTON, MENU, INPUT, SECTION, TEXT, CONTAINER, LABEL = 1, 2, 3, 4, 9, 10, 17, 18


def pages() -> Iterator[tuple[str, str]]:
    """Name and page."""
    yield (
        "tasks-discord",
        _page(_message("", panels.tasks(TaskList(_tasks()), note="Pausing: Who is on call."))),
    )
    yield "question-discord", _page(*_conversation())
    yield "faces-discord", _page(*map(_message, _answers()))
    yield "live-discord", _page(_message(live.said(_live(), "🦉 Scribe"), _live_view()))
    running = Running("s1", "analyst", HERE, AT, "is working: reading the sheet")
    yield "running-discord", _page(_message("", panels.running([running, running])))
    told = "Answer in German. Numbers come from the sheet *Doves*."
    decided = ChannelRules("", "always", 2.5, "claude-opus-5-5", told, version=3)
    form = rules.form(decided, ["default", "analyst"], ["claude-opus-5-5", "claude-haiku-5-5"])
    yield (
        "feedback-discord",
        _page(_message("Three doves were ringed **this week**.", judging.view_of("ab12"))),
    )
    why = judging.form("ab12", ["claude-opus-5-5", "claude-haiku-5-5"])
    yield "feedback-why-discord", _page(f"<h3>{why.title}</h3>{_parts(why.to_dict()['components'])}")
    yield "rules-discord", _page(f"<h3>{form.title}</h3>{_parts(form.to_dict()['components'])}")


def _answers() -> Iterator[str]:
    """Of two agents: with a table and what it took, and a document."""
    faces = Faces()
    agents = {"scribe": Agent(name="Scribe", icon=":owl:"), "poet": Agent(name="Poet")}
    faces.follow(Config(agents=agents))
    [table] = rendering.render(content.Text(f"The lofts:\n\n{LOFTS}\n\nThat is all."))
    yield framing.framed(Delivery("k", HERE, dict(table), "scribe", bill=bill.said(74_000, 128_000)), faces)
    [report] = rendering.render(content.Document("Lofts in autumn", "# Lofts", "The whole report:"))
    yield framing.framed(Delivery("k", HERE, dict(report), "poet"), faces) + f"\n\n📎 `{report['name']}`"


def _tasks() -> tuple[TaskView, ...]:
    return (
        TaskView("t1", "Build report", "default", HERE, "every weekday at 09:00 (Europe/Berlin)", AT, "", False, ORDERS),
        TaskView("t2", "Who is on call", "default", HERE, "every Monday at 08:30 (Europe/Berlin)", AT, "", True,
                 (TaskOrder.RUN, TaskOrder.RESUME, TaskOrder.CANCEL), "the calendar did not answer"),
        TaskView("t3", "Tidy the inbox", "default", HERE, "every day at 18:00 (Europe/Berlin)", AT, "", False, ()),
    )  # fmt: skip


def _conversation() -> Iterator[str]:
    asked = content.Question(
        "The build is **green**. Deploy `v1.4.0` now?", ("Yes", "After lunch", "No"), free_text=True
    )
    [payload] = rendering.render(asked)
    view = questions.view_of("ab12", Asked("q", HERE, asked.options, True, ("7",), 0))
    yield _message(payload["content"], view)
    yield _message(payload["content"] + "\n\n✔ **Ann**: After lunch")
    decision = Decision("access:1", (("allow", "Let them in"), ("deny", "Keep them out")))
    yield _message("Sam wrote to me and has no access. Let them in?", decisions.view_of(decision))
    approval = drawn.approval()
    [payload] = rendering.render(approval)
    view = questions.view_of("ab13", Asked("q", HERE, approval.options, False, ("7",), 0, details=True))
    counted = f"{questions.VOTES}1 of 2 have allowed it: Ann"
    yield _message(telling.with_line(payload["content"], counted), view)
    yield _message(telling.with_line(payload["content"], f"⌛ {EXPIRED}"))


PLAN = plan.of(["Read the ringing lists"], "Compare the lofts", ["Count the doves", "Write it up"])


def _live() -> Live:
    text = "Three doves were ringed **this week**:\n\n| dove | loft |\n|---|---|\n| Ada | north |\n| Bob | south |\n\nThe next"
    return Live("k", HERE, "1", "7", "searching the web", text, plan=PLAN)


def _live_view() -> ui.View:
    view = ui.View(timeout=None)
    view.add_item(live.StopButton("k"))
    return view


# ── drawing ──────────────────────────────────────────────────────────────────────────────────────────────


def _page(*messages: str) -> str:
    return discord_messages.framed("".join(messages), _STYLE)


def _message(text: str, view: ui.View | ui.LayoutView | None = None) -> str:
    parts = _parts(view.to_components()) if view is not None else ""
    return shared.message(_markdown(text) + parts)


def _parts(components: list[Any]) -> str:
    return "".join(map(_part, components))


def _part(component: dict[str, Any]) -> str:
    inside = _parts(component.get("components") or [])
    match component["type"]:
        case n if n == ROW:
            return f'<div class="row">{inside}</div>'
        case n if n == BUTTON:
            colour = COLOURS[component.get("style", 2)]
            return f'<span class="button" style="background:{colour}">{html.escape(_label(component))}</span>'
        case n if n == SECTION:
            return f'<div class="section"><div>{inside}</div>{_part(component["accessory"])}</div>'
        case n if n == TEXT:
            return _markdown(component["content"])
        case n if n == CONTAINER:
            return f'<div class="box">{inside}</div>'
        case n if n == LABEL:
            hint = html.escape(component.get("description") or "")
            return f"<p><b>{html.escape(component['label'])}</b><br><small>{hint}</small></p>" + _part(
                component["component"]
            )
        case n if n == MENU:
            chosen = next(option for option in component["options"] if option.get("default"))
            return f'<div class="field">{html.escape(chosen["label"])} ▾</div>'
        case n if n == INPUT:
            return f'<div class="field">{html.escape(component.get("value") or "")}</div>'
    raise ValueError(component["type"])


def _label(button: dict[str, Any]) -> str:
    return str(button.get("label") or "") + str((button.get("emoji") or {}).get("name", ""))


def _markdown(text: str) -> str:
    """With what only Discord has: small lines, moments and places."""
    text = re.sub(r"<t:\d+:f>", "19 November 2026 09:00", text)
    text = re.sub(r"<#\d+>", "#builds", text)
    lines = [line.replace("|", "\\|") for line in text.split("\n")]  # it has no tables
    parts = itertools.groupby(lines, lambda line: line.startswith("-# "))
    return "".join(
        "".join(f"<small>{html.escape(line.removeprefix('-# '))}</small>" for line in part)
        if small
        else shared.blocks(tree.parse("\n".join(part)))
        for small, part in parts
    )


_STYLE = (
    " .row { display: flex; gap: 8px; margin: 6px 0 } .button { color: #fff; padding: 5px 14px; border-radius: 8px;"
    " font-size: 14px } .box { background: #2b2d31; border-left: 4px solid #5b7fa6; border-radius: 8px; padding: 10px 14px }"
    " .section { display: flex; justify-content: space-between; align-items: center; gap: 10px; margin: 6px 0 }"
    " small { color: #949ba4 } .field { background: #1e1f22; padding: 8px 10px; border-radius: 4px; width: 420px }"
)

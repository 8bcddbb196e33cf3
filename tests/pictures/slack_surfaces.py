"""Slack's Home, a question before and after its answer, and the owners' form: the payloads that the bot really sends."""

from collections.abc import Iterator

from bots.markup import slack as markup
from bots.slack.live import message as live
from bots.slack.panels import judging, panels, rules
from bots.slack.questions import cards
from bots.slack.sending import canvases, outbox, rendering
from host.delivery.endings import EXPIRED
from host.ports import bill
from host.ports.bot import Decision, Delivery, Live
from host.ports.commands import Grammar, help_text
from host.ports.controls import (
    ChannelRules,
    Failure,
    Opinions,
    Overview,
    Running,
    Spent,
    TaskList,
    TaskOrder,
    TaskView,
)
from sessiondb import Address, content, plan
from tests.pictures import approval as shared
from tests.pictures import slack_blocks
from tests.support.plotting import LOFTS

AT = 1_795_700_000_000  # ms UTC
THEN = "; ".join(f"{day} 2026, 09:00" for day in (
    "Monday 30 November", "Tuesday 1 December", "Wednesday 2 December", "Thursday 3 December"))  # fmt: skip
ORDERS = (TaskOrder.RUN, TaskOrder.PAUSE, TaskOrder.CANCEL)


def pages() -> Iterator[tuple[str, str]]:
    """Name and page."""
    yield (
        "home-slack",
        slack_blocks.view(panels.home(_overview(), "Pausing “Who is on call”.", _help())),
    )
    yield "question-slack", slack_blocks.thread(_conversation())
    yield "approval-slack", slack_blocks.thread(_approval())
    yield "approval-details-slack", slack_blocks.view(cards.details(shared.call())["blocks"])
    told = "Answer in German. Numbers come from the sheet *Doves*."
    decided = ChannelRules("", "always", 2.5, "claude-opus-5-5", told, version=3)
    models = ["claude-opus-5-5", "claude-haiku-5-5"]
    offered = rules.Offered(
        ["default", "analyst"], models, ["bash", "memory", "mcp:github"], {"S01": "@oncall"}
    )
    form = rules.modal("C1", decided, offered)
    yield "rules-slack", slack_blocks.view(form["blocks"])
    yield "feedback-slack", slack_blocks.thread([[*_answer(), judging.block("ab12")]])
    yield "faces-slack", slack_blocks.posted(_posts(), {"Scribe": "🦉", "Poet": "P"})
    yield "live-slack", slack_blocks.thread([live.shown_so_far(_live())[1]])
    why = judging.modal(judging.Asked("ab12", "C1", "", AT), ["claude-opus-5-5", "claude-haiku-5-5"])
    yield "feedback-why-slack", slack_blocks.view(why["blocks"])


def _posts() -> Iterator[panels.Json]:
    """Of two agents: with a data table and what it took, and a document that is a canvas."""
    [table] = rendering.operation(content.Text(f"The lofts:\n\n{LOFTS}\n\nThat is all."), plain=False)
    delivery = Delivery("k", _at("doves"), table, bill=bill.said(74_000, 128_000))
    yield outbox.billed(delivery, {"username": "Scribe", "text": table["text"], "blocks": table["tabled"]})
    document = content.Document("Lofts in autumn", "# Lofts", "The whole report:")
    [page] = rendering.operation(document, plain=False)
    yield {"username": "Poet", "text": canvases.worded(page, "https://aviary.slack.com/docs/T1/F1")}


def _live() -> Live:
    steps = plan.of(["Read the ringing lists"], "Compare the lofts", ["Count the doves", "Write it up"])
    return Live(
        "k", _at("doves"), "1", "U1", "searching the web", "Three doves were ringed **this week**", plan=steps
    )


def _help() -> str:
    return markup.plain(help_text(Grammar(), "slack"))[0].text


def _at(channel: str) -> Address:
    return Address("slack", "T1", channel, "1795700000.000100")


def _overview() -> Overview:
    running = Running("s1", "analyst", _at("finance"), AT, "is working: reading the sheet")
    tasks = (
        TaskView("t1", "Build report", "default", _at("builds"), "every weekday at 09:00 (Europe/Berlin)", AT,
                 "Friday 27 November 2026, 09:00 Europe/Berlin", False, ORDERS, then_words=THEN),
        TaskView("t2", "Who is on call", "default", _at("ops"), "every Monday at 08:30 (Europe/Berlin)", AT, "",
                 True, (TaskOrder.RESUME, TaskOrder.RUN, TaskOrder.CANCEL), "the calendar did not answer"),
    )  # fmt: skip
    spent = Spent(1_420_000, 18_750_000, 5_000_000, 100_000_000, 184_220, 0,
                  (("analyst", 14_100_000), ("default", 4_650_000)),
                  opinions=(Opinions("analyst", "claude-opus-5-5", 12, 3), Opinions("default", "mock", 4, 0)))  # fmt: skip
    failed = Failure(AT - 7_200_000, "m1", _at("random"), "over budget")
    return Overview((running,), 1, TaskList(tasks), spent, (failed,))


def _answer() -> list[panels.Json]:
    [answer] = rendering.operation(content.Text("Three doves were ringed **this week**."), plain=False)
    blocks: list[panels.Json] = answer["blocks"]
    return blocks


def _conversation() -> Iterator[list[panels.Json]]:
    question = content.Question(
        "The build is **green**. Deploy `v1.4.0` now?", ("Yes", "After lunch", "No"), free_text=True
    )
    [asked] = rendering.operation(question, plain=False)
    yield asked["blocks"]
    yield rendering.answered(asked["blocks"], "✅ *After lunch* — <@ann>")
    decision = Decision("r1", (("allow", "Allow"), ("deny", "Deny")))
    [told] = rendering.operation(
        content.Text("Sam (`slack:U012AB3CD`) wrote to me and has no access. Let them in?"), plain=False
    )
    yield rendering.deciding(told, decision)


def _approval() -> Iterator[list[panels.Json]]:
    [asked] = rendering.operation(shared.approval(), plain=False)
    yield rendering.counted(asked["blocks"], "1 of 2 have allowed it: <@ann>")
    yield rendering.answered(asked["blocks"], "✅ *Allow* — <@ann>, <@bob>")
    yield rendering.answered(asked["blocks"], f"⌛ {EXPIRED}")

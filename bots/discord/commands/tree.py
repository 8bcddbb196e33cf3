"""Which commands and menus there are, as Discord is told; who carries them out is somebody else's."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

import discord
from discord import app_commands

from bots.discord.client import telling
from host.ports import commands
from host.words import ENGLISH, known, mark, spoken

log = logging.getLogger(__name__)

LIMITS, SHOWN, VERSIONS = "limits", "shown", "versions"
PARTS = {  # of `config`
    "answers": mark("Who answers, when, told what, for how much"),
    LIMITS: mark("Effort, tools, who may ask and who may change"),
    SHOWN: mark("What is seen of its work, its language, which models people may choose"),
    VERSIONS: mark("Earlier versions"),
}

PLAIN = {  # commands without an option
    "tasks": mark("What is scheduled, with buttons to pause, run and cancel"),
    "stop": mark("Stop what the agent is doing here"),
    "status": mark("What runs here"),
    "clear": mark("Forget what was said here"),
    "mute": mark("Keep the agent quiet here until it is mentioned"),
    "usage": mark("What the agents cost today and this month"),
    "help": mark("How to talk to the agent, and what else it understands"),
}
Interaction = discord.Interaction[Any]


class Translations(app_commands.Translator):
    """Descriptions, choices and what stands in menus, by how people read Discord. What is typed is the same everywhere."""

    async def translate(
        self,
        string: app_commands.locale_str,
        locale: discord.Locale,
        context: app_commands.TranslationContextTypes,
    ) -> str | None:
        menu = isinstance(context.data, app_commands.ContextMenu)
        if context.location in _TYPED and not menu:
            return None
        told = known(string.message).told(spoken(locale.value) or ENGLISH)
        return told if told != string.message else None


_TYPED = (
    app_commands.TranslationContextLocation.command_name,
    app_commands.TranslationContextLocation.group_name,
    app_commands.TranslationContextLocation.parameter_name,
)


class Handlers(Protocol):
    async def deals(self, interaction: Interaction) -> bool:
        """Every host of an installation that serves is told of each; one answers."""

    async def ask(self, interaction: Interaction, question: str) -> None: ...

    async def ask_about(self, interaction: Interaction, message: discord.Message) -> None: ...

    async def tasks(self, interaction: Interaction) -> None: ...

    async def stop(self, interaction: Interaction) -> None: ...

    async def usage(self, interaction: Interaction) -> None: ...

    async def why(self, interaction: Interaction, message: str) -> None: ...

    async def again(self, interaction: Interaction, model: str) -> None: ...

    async def handoff(self, interaction: Interaction, text: str) -> None: ...

    async def memory(self, interaction: Interaction, text: str) -> None: ...

    async def put_off(self, interaction: Interaction, message: discord.Message) -> None: ...

    async def config(self, interaction: Interaction, part: str, version: int | None) -> None: ...

    async def grants(self, interaction: Interaction, revoke: int | None) -> None: ...

    async def status(self, interaction: Interaction) -> None: ...

    async def clear(self, interaction: Interaction) -> None: ...

    async def mute(self, interaction: Interaction) -> None: ...

    async def said(self, interaction: Interaction, order: str, text: str) -> None: ...

    async def help(self, interaction: Interaction) -> None: ...


class Tree(app_commands.CommandTree[Any]):
    def __init__(self, client: discord.Client, handlers: Handlers) -> None:
        super().__init__(client)
        self._handlers = handlers

    async def interaction_check(self, interaction: Interaction, /) -> bool:
        """Asked before a command, and before what is offered while somebody writes one."""
        return await self._handlers.deals(interaction)


def tree_for(client: discord.Client, handlers: Handlers) -> app_commands.CommandTree[Any]:
    """Every command there is."""
    tree = Tree(client, handlers)
    for name, description in PLAIN.items():
        tree.add_command(_plain(name, description, getattr(handlers, name)))

    @tree.command(name="ask", description=mark("Ask the agent"))
    @app_commands.describe(question=mark("What you want to know or have done"))
    async def ask(interaction: Interaction, question: str) -> None:
        await handlers.ask(interaction, question)

    @tree.command(name="why", description=mark("What became of a message"))
    @app_commands.describe(message=mark("The message's link; leave it out for the last one here"))
    async def why(interaction: Interaction, message: str = "") -> None:
        await handlers.why(interaction, message)

    @tree.command(name="again", description=mark("Answer the last question here once more"))
    @app_commands.describe(model=mark("By which model; leave it out for the agent's own"))
    async def again(interaction: Interaction, model: str = "") -> None:
        await handlers.again(interaction, model)

    @tree.command(name="handoff", description=mark("Give this thread to another agent, with what was said"))
    @app_commands.describe(
        agent=mark("Its name"), request=mark("What it is asked to do now; leave it out to wait")
    )
    async def handoff(interaction: Interaction, agent: str, request: str = "") -> None:
        await handlers.handoff(interaction, f"{agent} {request}".strip())

    @tree.command(
        name="memory", description=mark("What the agent noted here, to be seen, corrected and forgotten")
    )
    @app_commands.describe(
        words=mark("The lines with these words; leave it out for all"),
        correct=mark("The mark of a line that is to say something else: what stands in `words`"),
        forget=mark("The mark of what is to be forgotten, or: everything"),
        sure=mark("Whether to forget it at once"),
    )
    async def memory(
        interaction: Interaction, words: str = "", correct: str = "", forget: str = "", sure: bool = False
    ) -> None:
        orders = {f"correct {correct} {words}": correct, f"forget {forget} {'yes' if sure else ''}": forget}
        text = next((order for order, named in orders.items() if named), words)
        await handlers.memory(interaction, text.strip())

    _add_of_the_place(tree, handlers)
    _add_said(tree, handlers)
    _add_menus(tree, handlers)

    @tree.error
    async def failed(interaction: Interaction, error: app_commands.AppCommandError) -> None:
        log.error("A command broke", exc_info=error, extra={"action": "interaction_broke"})
        await telling.broke(interaction)

    return tree


def _add_of_the_place(tree: app_commands.CommandTree[Any], handlers: Handlers) -> None:
    """What holds where they are given."""

    @tree.command(
        name="config", description=mark("Who answers in this channel, how, and who may ask (owners)")
    )
    @app_commands.describe(
        part=mark("Leave it out for who answers"), revert=mark("The version that is to hold again")
    )
    @app_commands.choices(part=[app_commands.Choice(name=name, value=value) for value, name in PARTS.items()])
    async def config(
        interaction: Interaction, part: str = "", revert: app_commands.Range[int, 0] | None = None
    ) -> None:
        await handlers.config(interaction, part, revert)

    @tree.command(name="grants", description=mark("Which tools are allowed in advance here"))
    @app_commands.describe(revoke=mark("The number of what is to be taken back"))
    async def grants(interaction: Interaction, revoke: app_commands.Range[int, 1] | None = None) -> None:
        await handlers.grants(interaction, revoke)


def _add_said(tree: app_commands.CommandTree[Any], handlers: Handlers) -> None:
    """What is said in a thread, to the agent or beside it."""

    @tree.command(name="summary", description=mark("Sum up what was said here"))
    @app_commands.describe(wish=mark("What it is to be about, or how; leave it out for all"))
    async def summary(interaction: Interaction, wish: str = "") -> None:
        await handlers.said(interaction, commands.SUMMARY, wish)

    @tree.command(name="queue", description=mark("Ask once the agent is done with what it is at"))
    @app_commands.describe(question=mark("What you want to know or have done then"))
    async def queue(interaction: Interaction, question: str) -> None:
        await handlers.said(interaction, commands.QUEUE, question)

    @tree.command(
        name="aside", description=mark("Say something among people, which the agent does not answer")
    )
    @app_commands.describe(words=mark("What you say"))
    async def aside(interaction: Interaction, words: str) -> None:
        await handlers.said(interaction, commands.ASIDE, words)


def _add_menus(tree: app_commands.CommandTree[Any], handlers: Handlers) -> None:
    """Those of a message."""

    @tree.context_menu(name=mark("Ask about this message"))
    async def ask_about(interaction: Interaction, message: discord.Message) -> None:
        await handlers.ask_about(interaction, message)

    @tree.context_menu(name=mark("Remind me / make a task"))
    async def put_off(interaction: Interaction, message: discord.Message) -> None:
        await handlers.put_off(interaction, message)

    @tree.context_menu(name=mark("What became of it?"))
    async def became(interaction: Interaction, message: discord.Message) -> None:
        await handlers.why(interaction, str(message.id))


def _plain(
    name: str, description: str, handler: Callable[[Interaction], Awaitable[None]]
) -> app_commands.Command[Any, ..., None]:
    @app_commands.command(name=name, description=description)
    async def run(interaction: Interaction) -> None:
        await handler(interaction)

    return run

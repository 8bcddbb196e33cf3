"""The tools of one agent, and what they keep between calls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from runner.inbound import InboundReader
from runner.settings import Settings
from runner.tools import files, memory, messaging, plan, standard
from runner.tools.approval import Approvals
from runner.tools.bash import Shell
from runner.tools.schedule import Schedule
from runner.tools.thread import Thread
from runner.tools.tool import Tool

if TYPE_CHECKING:
    from runner.tools.servers import Servers

CONTAINER = Path("/session")  # where a container sees its session; elsewhere a shell would be the host's own


class Kit:
    """`options.tools` names the tools an agent has; without it, all of them. A channel may allow less.

    Outside of a container the shell and the files are only there when they are named: nothing isolates them.
    """

    def __init__(self, settings: Settings, inbound: InboundReader) -> None:
        self._shell = Shell(settings.workspace)
        outbox = messaging.Outbox(settings.folder.outbound_files)
        everywhere = [
            *standard(),
            Tool.of(outbox.send_file),
            Tool.of(messaging.send_document),
            Tool.of(messaging.edit_message),
            Tool.of(messaging.add_reaction),
            Tool.of(messaging.send_card),
            Tool.of(Thread(inbound).read_thread),
            Tool.of(memory.memory),
            Tool.of(plan.update_plan, repeatable=True),
            *Schedule(refusal_of_scripts(settings)).tools(),
        ]
        isolated = [
            self._shell.tool(),
            Tool.of(files.view_file),
            Tool.of(files.create_file),
            Tool.of(files.edit_file),
        ]
        wanted = settings.agent.options.tools
        if wanted is None:
            self._tools = everywhere + (isolated if settings.folder.root == CONTAINER else [])
        else:
            self._tools = [tool for tool in (*everywhere, *isolated) if tool.name in wanted]
        if (within := settings.agent.within) is not None:
            self._tools = [tool for tool in self._tools if tool.name in within]
        self._servers = _servers_of(settings)

    async def prepare(self) -> None:
        """Before a turn: starts the MCP servers that are not running."""
        if self._servers is not None:
            await self._servers.start()

    def tools(self) -> Sequence[Tool]:
        return [*self._tools, *(self._servers.tools() if self._servers is not None else ())]

    async def close(self) -> None:
        await self._shell.close()
        if self._servers is not None:
            await self._servers.stop()


def _servers_of(settings: Settings) -> Servers | None:
    if not settings.agent.options.mcp:
        return None
    from runner.tools.servers import Servers

    return Servers(settings.agent.options.mcp.values(), settings.folder.gateway_socket)


def refusal_of_scripts(settings: Settings) -> str:
    """Why a task's script may not run here; '' when it may. It may where the agent has a shell that asks nobody."""
    options, within = settings.agent.options, settings.agent.within
    has = "bash" in options.tools if options.tools is not None else settings.folder.root == CONTAINER
    if not has or (within is not None and "bash" not in within):
        return "scripts run only where the agent has a shell; schedule the task without a script"
    if Approvals(options.approve).covers("bash"):
        return (
            "a script would run without the approval that the shell needs here; schedule the task without it"
        )
    return ""

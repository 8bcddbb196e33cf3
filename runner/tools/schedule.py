"""Tools over scheduled tasks. The host carries them out and answers within the call, so the result is what really happened."""

from __future__ import annotations

from typing import Any, Literal

from runner.tools.tool import Tool, ToolContext, ToolError
from sessiondb import content

ANSWER_WITHIN = 60.0  # s the host gets


class Schedule:
    """`scripts` is '' where a task's script may run, else why it may not."""

    def __init__(self, scripts: str = "") -> None:
        self._scripts = scripts

    def tools(self) -> list[Tool]:
        functions = (
            self.schedule_task,
            list_tasks,
            self.update_task,
            pause_task,
            resume_task,
            cancel_task,
            run_task_now,
        )
        return [Tool.of(function, timeout=ANSWER_WITHIN, repeatable=True) for function in functions]

    async def schedule_task(
        self,
        context: ToolContext,
        title: str,
        prompt: str,
        cron: str = "",
        at: str = "",
        zone: str = "",
        destination: str = "",
        script: str = "",
        missed: Literal["run_once", "run_all", "skip"] = "run_once",
        mentions: list[str] | None = None,
        punctual: bool = False,
        reaction: str = "",
        file: str = "",
        words: str = "",
        by: list[str] | None = None,
    ) -> str:
        """Have work done later, once or again and again, or whenever something happens in this channel. Tell the person the times
        that the result names.

        `prompt` is what you will be asked then: write all that is needed, for you will see it without this conversation.
        Give `cron` (five fields, or @daily and the like) or `at` (one local time, 2026-12-31 18:00). `zone` is an IANA
        time zone; without it the asking person's own. Without a `destination` it posts in this conversation, with
        "channel" as a new message in this conversation's channel, or give the name of a listed destination. `script` is
        a shell script that runs first and decides with its last line, {"wake": true, "data": …}, whether you are asked
        at all. `missed` says what happens to times at which nothing could run. `mentions` are the ids of people who are
        to be notified by each post; leave it out unless they asked for it. What comes again may begin some minutes after its
        time, as the result says, for others are due then too: tell the person; `punctual` only where the very minute counts.

        Instead of a time, one of these begins it, in this channel alone: `reaction`, an emoji that somebody reacts with;
        `file`, how the names of shared files end ("pdf, csv"; "*" is any); `words`, phrases of which a message has one
        ("deploy failed|rollback*"). What happened then comes with the prompt. `by` are the ids of those who may begin it.
        """
        self._may_run(script)
        given: dict[str, Any] = {
            "title": title,
            "prompt": prompt,
            "cron": cron,
            "at": at,
            "zone": zone,
            "missed": missed,
        }
        given |= {
            "destination": destination,
            "script": script,
            "mentions": mentions or [],
            "punctual": punctual,
        }
        given |= {"reaction": reaction, "file": file, "words": words, "by": by or []}
        return await context.ask_host(content.Action("schedule_task", given))

    async def update_task(
        self,
        context: ToolContext,
        task_id: str,
        title: str | None = None,
        prompt: str | None = None,
        cron: str = "",
        at: str = "",
        zone: str = "",
        script: str | None = None,
        missed: Literal["run_once", "run_all", "skip"] | None = None,
        mentions: list[str] | None = None,
        punctual: bool | None = None,
    ) -> str:
        """Change a scheduled task; what is left out stays as it is."""
        self._may_run(script or "")
        given: dict[str, Any] = {"task_id": task_id, "cron": cron, "at": at, "zone": zone}
        changed = {"title": title, "prompt": prompt, "script": script, "missed": missed, "mentions": mentions}
        given |= {} if punctual is None else {"punctual": punctual}
        given |= {name: value for name, value in changed.items() if value is not None}
        return await context.ask_host(content.Action("update_task", given))

    def _may_run(self, script: str) -> None:
        if script.strip() and self._scripts:
            raise ToolError(self._scripts)


async def list_tasks(context: ToolContext) -> str:
    """List the tasks of this conversation, and those that were asked for here: ids, times, states."""
    return await context.ask_host(content.Action("list_tasks", {}))


async def pause_task(context: ToolContext, task_id: str) -> str:
    """Let a task rest until it is resumed."""
    return await context.ask_host(content.Action("pause_task", {"task_id": task_id}))


async def resume_task(context: ToolContext, task_id: str) -> str:
    """Let a paused task come again, from its next time on."""
    return await context.ask_host(content.Action("resume_task", {"task_id": task_id}))


async def cancel_task(context: ToolContext, task_id: str) -> str:
    """End a task for good."""
    return await context.ask_host(content.Action("cancel_task", {"task_id": task_id}))


async def run_task_now(context: ToolContext, task_id: str) -> str:
    """Run a task once, right now, whenever its next time is."""
    return await context.ask_host(content.Action("run_task_now", {"task_id": task_id}))

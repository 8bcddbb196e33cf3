"""What the controls need of the scheduler."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from host.governance.sight import Sight
from host.mailbox.tasks import Task
from host.ports.controls import TaskList, TaskOrder, TaskView
from host.ports.events import Viewer
from host.schedule.orders import Wish
from sessiondb.records import Address


class TaskDesk(Protocol):
    """Raises `Forbidden` for what the viewer may not see as for what does not exist, in the same words."""

    async def tasks(self, viewer: Viewer, sight: Sight, skip: int = 0) -> TaskList:
        """Those of the place the viewer asks from first, then those that are due next; of the latter the first may be skipped."""

    async def order(self, viewer: Viewer, sight: Sight, task_id: str, order: TaskOrder) -> str: ...

    async def add(self, viewer: Viewer, home: tuple[str, Address, str], id_: str, wish: Wish) -> str:
        """A task of the viewer's own in a conversation, by its agent, place and scope; ordered twice it is one."""

    async def try_wish(self, viewer: Viewer, agent: str, id_: str, wish: Wish) -> str:
        """What `add` would make a task, run once, where the viewer alone reads it."""

    async def one(self, viewer: Viewer, sight: Sight, task_id: str) -> tuple[TaskView, Task]: ...

    async def edit(self, viewer: Viewer, sight: Sight, task_id: str, wanted: Mapping[str, str]) -> str: ...

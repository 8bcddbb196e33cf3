"""What people may see and order without asking an agent: the same answers for every surface that shows them."""

from host.controls.port import (
    ChannelRules,
    Controls,
    Failure,
    Forbidden,
    Overview,
    Running,
    Spent,
    TaskOrder,
    TaskView,
    Viewer,
)

__all__ = [
    "ChannelRules",
    "Controls",
    "Failure",
    "Forbidden",
    "Overview",
    "Running",
    "Spent",
    "TaskOrder",
    "TaskView",
    "Viewer",
]

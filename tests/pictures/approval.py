"""What both platforms are drawn with."""

from host.config import Config
from host.config.settings import Settings
from host.mailbox.questions import Approvers
from host.ports.controls import CallShown
from sessiondb import Address, approving, content

CALL = approving.spelled(
    "bash", {"command": "make deploy VERSION=v1.4.0\nmake announce", "timeout": 600, "workdir": "/work/shop"}
)


def approval() -> content.Question:
    """As the host puts it to the people whom the configuration lists."""
    options = {
        "approve": ["bash"],
        "tools": ["bash"],
        "approvers": ["slack:ann", "slack:bob", "slack:eve"],
        "approve_by": 2,
    }
    asked = content.Question("", (approving.ALLOW, approving.DENY), approval="bash", call=CALL)
    settings = Settings(Config.model_validate({"agents": {"default": {"options": options}}}))
    return Approvers(settings).settle(asked, "default", Address("slack", "T1", "C1"), "cleo")


def call() -> CallShown:
    return CallShown("bash", approving.digest(CALL), approving.shown(CALL), ("Ann",), 2)

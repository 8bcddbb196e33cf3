"""How a container is told to be ours, and which runner it is: by its labels and its name."""

from __future__ import annotations

from typing import Any

from host.runners.launch.base import RunnerSpec

INSTALLATION = "dovecote.installation"  # tells two installations on one engine apart
NODE = "dovecote.node"  # and the nodes of one; '' for the only one
SESSION = "dovecote.session"
INCARNATION = "dovecote.incarnation"
OUTLINE = "dovecote.outline"
LOG = "dovecote.log"  # where its output goes when it ends
ROLE = "dovecote.role"  # runner | maintenance
CONTRACT_LABEL = "dovecote.contract"  # of the image, which its containers inherit


def labels(spec: RunnerSpec, role: str) -> dict[str, str]:
    return {
        INSTALLATION: spec.installation,
        NODE: spec.node,
        SESSION: spec.session_id,
        INCARNATION: spec.incarnation,
        OUTLINE: spec.outline,
        ROLE: role,
        LOG: str(spec.log),
    }


def name(spec: RunnerSpec) -> str:
    """The engine gives it to one container at a time (law 10)."""
    return f"dovecote-{spec.installation}-{spec.session_id}"


def is_of(entry: dict[str, Any], node: str) -> bool:
    """Whether a container of the installation is that node's; what was begun while there was one is whoever's looks."""
    return not node or entry["Labels"].get(NODE, "") in ("", node)


def name_in(entry: dict[str, Any]) -> str:
    """Of a container in the engine's list; '' for one whose removal has begun and took its name."""
    return str((entry["Names"] or [""])[0]).removeprefix("/")

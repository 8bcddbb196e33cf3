"""A session whose files are in another node's folder, which serves no more: they are made anew here from what both share.

The order, and what a crash between two steps does. What lies here from earlier goes first: it is older than what another node did
since. The runner's file is made of the copies second (`restoring`), salvage third, the host's new file fourth (`remaking`), and
last the session is this node's: whoever dies before begins from the beginning, and no runner has been started meanwhile.

With the copies the agent remembers, and a turn under way goes on after its last step. Where there is no whole copy, or one that
is older than the ledger, that tells what may begin anew, for no intent leaves a node before it is there: a message before which
or in whose place something was answered is not asked of the agent a second time (law 6). People are told of what does not travel.
"""

from __future__ import annotations

import contextlib
import shutil
from datetime import UTC, datetime

from host.mailbox import copies, remaking
from host.mailbox.inbound import InboundWriter
from host.registry.port import Statements
from host.registry.sessions import Session
from sessiondb import Full, SessionFolder, content


def is_elsewhere(session: Session, node: str) -> bool:
    return bool(node and session.node and session.node != node)


def clear(folder: SessionFolder) -> None:
    """Raises `Full`. The folder of the conversation's work stays: what an agent made there is nowhere else."""
    for part in (folder.outbound, folder.inbound):
        with contextlib.suppress(FileNotFoundError):
            try:
                shutil.rmtree(part)
            except FileNotFoundError:
                raise
            except OSError as error:
                raise Full(part, error.strerror or "cannot be taken away") from error


def arrive(connection: Statements, session: Session, node: str) -> None:
    connection.execute("UPDATE sessions SET node = ? WHERE id = ?", (node, session.id))


def belong(connection: Statements, session: Session, node: str) -> None:
    """Before it arrives: whose file the copies are of, as it was made of them; '' where nobody copies on."""
    if node:
        copies.carry(connection, session.id, node)
    else:
        copies.drop(connection, session.id)


def tell(writer: InboundWriter, session: Session, *, carried: bool, files: int | None) -> None:
    """The agent, as context of its next turn. `files`: as of when its folders are, as `remaking.files_of` has it."""
    rest = TOLD_REST if files is None else TOLD_FILES
    with writer.writing():
        note = content.System("note", f"{rest}{_as_of(files)}" if carried else TOLD, ok=False)
        writer.note(f"moved:{session.id}:{writer.mark('seq_high_water')}", session.place, note)


def _as_of(files: int | None) -> str:
    if not files:
        return ""
    at = datetime.fromtimestamp(files / 1000, UTC)
    return f" Your files are as they were at {at:%Y-%m-%d %H:%M} UTC: what was written after that is lost."


TOLD = (
    f"{remaking.MOVED_HERE} What was said and done before is not known to you; what people see of it you can read where they"
    " talk."
)
TOLD_REST = (
    f"{remaking.MOVED_HERE} You remember what was said and done. What you wrote to files, and what people attached, was on that"
    " machine: look whether it is here before you speak of it. Look, too, what came of what you were doing."
)
TOLD_FILES = (
    f"{remaking.MOVED_HERE} You remember what was said and done. Look what came of what you were doing."
)

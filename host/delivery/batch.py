"""The chunks of the rows of one page go into inbound.db together: a statement costs as much as all else that a row takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from host.delivery.portion import Rows
from host.mailbox.inbound import InboundWriter
from host.mailbox.outbound import Accepted, Refused
from host.mailbox.rows import Parcel


@dataclass
class Batch:
    """In the caller's transaction. Whoever looks at the file's chunks himself has `write` called before."""

    writer: InboundWriter
    had: set[str]  # the ids of rows of which the file has chunks, or will have
    chunks: list[Parcel] = field(default_factory=list)

    @classmethod
    def of(cls, writer: InboundWriter, rows: Rows) -> Batch:
        return cls(writer, writer.having_chunks([id_of(row) for row in rows]))

    def chunks_of(self, id_: str) -> Sequence[Parcel]:
        """As the file has them, those of this page included."""
        if id_ not in self.had:
            return []  # as of nearly every row that is read
        self.write()
        return self.writer.parcels_of(id_)

    def add(self, chunk: Parcel) -> None:
        self.had.add(chunk.message_out_id)
        self.chunks.append(chunk)

    def write(self) -> None:
        if self.chunks:
            self.writer.put_parcels(self.chunks)
            self.chunks = []


def id_of(row: Accepted | Refused) -> str:
    """What its chunks name it by."""
    return (row.id or f"seq-{row.seq}") if isinstance(row, Refused) else row.row.id

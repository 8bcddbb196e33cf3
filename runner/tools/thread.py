"""What was said in this conversation, as the host stored it."""

from __future__ import annotations

from runner.formatter import decode, prompt
from runner.inbound import InboundReader
from runner.tools.tool import ToolContext, ToolError
from sessiondb import content
from sessiondb.errors import Unavailable

MOST_MESSAGES = 200


class Thread:
    def __init__(self, inbound: InboundReader) -> None:
        self._inbound = inbound

    async def read_thread(self, context: ToolContext, count: int = 50) -> str:
        """Read the latest messages that people wrote in this conversation, oldest first."""
        if not 0 < count <= MOST_MESSAGES:
            raise ToolError(f"count must be between 1 and {MOST_MESSAGES}")
        try:
            [asked] = self._inbound.messages([context.answers])
            rows = self._inbound.latest_at(asked.address, count)
        except (Unavailable, ValueError) as error:
            raise ToolError("the conversation cannot be read right now; try again") from error
        found = []
        for row in rows:
            try:
                found.append(decode(row))
            except content.ContentError:
                continue
        return prompt(found) or "(nothing was written)"

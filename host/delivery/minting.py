"""The keys of what is sent, minted so that they can be minted again: a lost intent is still looked up by its own key."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Minting:
    """The key names the host's installation, the session and the row's seq, which names one message for ever: nothing that a
    container writes into its own rows gives it the key of another session's."""

    installation: str

    def key(self, session_id: str, seq: int, row_id: str, chunk: int) -> str:
        """16 characters."""
        named = "\x1f".join((self.installation, session_id, str(seq), row_id, str(chunk)))
        return hashlib.sha256(named.encode("utf-8", "surrogatepass")).hexdigest()[:16]

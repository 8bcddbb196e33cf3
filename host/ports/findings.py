"""What was looked at and what was seen: the doctor shows it, `up` and `chat` say what is not well."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from host.config import Config


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, whether it is well, what was seen, and what to do if it is not."""

    what: str
    well: bool
    seen: str = ""
    remedy: str = ""
    stops: bool = False  # nothing can begin before it is cured

    @property
    def sentence(self) -> str:
        """What is said of it, in the same words wherever it is met."""
        parts = (f"{self.what}: {self.seen}" if self.seen else self.what, self.remedy)
        return " ".join(part if part.endswith("?") else f"{part.rstrip('.')}." for part in parts if part)


@runtime_checkable
class Looks(Protocol):
    """A bot that can be looked at before it runs: it asks its platform and changes nothing there."""

    async def look(self, config: Config) -> Sequence[Finding]:
        """Bounded by whoever asks. May raise what the network raises."""

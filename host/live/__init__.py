"""The message that shows a long turn while it works: intent, receipt and removal of its own (law 6)."""

from host.live.service import LiveMessages

__all__ = ["LiveMessages"]

"""How many calls a route takes in a window, told in the headers of every answer, and kept.

Docs, "Topics: Rate Limits": the headers come with most answers; a bucket is shared by routes of one resource and counted
per top-level resource (channel, guild). How wide a window is, no document says: opening threads has the widest here.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

WINDOW, PLACES = 1.0, 50  # s, and calls within them
WIDE: dict[str, tuple[float, int]] = {
    "POST /channels/{}/messages/{}/threads": (300.0, 50),
    "POST /channels/{}/threads": (300.0, 50),
}


RENAMES = (600.0, 2)  # of one channel: a limit of its own, which no header tells of
RENAMING = "PATCH /channels/{}"


@dataclass
class _Bucket:
    ends: float = 0.0
    used: int = 0


@dataclass
class Quotas:
    wide: dict[str, tuple[float, int]] = field(default_factory=lambda: dict(WIDE))
    _buckets: dict[tuple[str, str], _Bucket] = field(default_factory=dict)

    def rename(self, channel: str) -> float:
        """0 where the channel may be named once more, else the s until it may.

        No page documents it: Discord's issue tracker does (discord-api-docs#1900), and discord.py's (#9626).
        """
        window, places = RENAMES
        bucket, now = self._buckets.setdefault(("name", channel), _Bucket()), time.monotonic()
        if now >= bucket.ends:
            bucket.ends, bucket.used = now + window, 0
        bucket.used += 1
        return 0.0 if bucket.used <= places else bucket.ends - now

    def take(self, route: str, resource: str) -> tuple[bool, dict[str, str]]:
        """Whether there is a place, and the headers that say how many are left."""
        window, places = self.wide.get(route, (WINDOW, PLACES))
        bucket, now = self._buckets.setdefault((route, resource), _Bucket()), time.monotonic()
        if now >= bucket.ends:
            bucket.ends, bucket.used = now + window, 0
        free = bucket.used < places
        bucket.used += free
        left = max(0.0, bucket.ends - now)
        headers = {
            "X-RateLimit-Limit": str(places),
            "X-RateLimit-Remaining": str(places - bucket.used),
            "X-RateLimit-Reset": f"{time.time() + left:.3f}",
            "X-RateLimit-Reset-After": f"{left:.3f}",
            "X-RateLimit-Bucket": f"{abs(hash(route)):032x}"[:32],
        }
        if not free:
            headers |= {"Via": "1.1 google", "Retry-After": str(int(left) + 1), "X-RateLimit-Scope": "user"}
        return free, headers

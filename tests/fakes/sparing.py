"""How much the fakes tell: the least that a platform's documentation promises, or all that it may send.

What is marked optional there is missing by default, for a program that needs it works by luck alone. `FAKE_PAYLOADS=full`
sends it; the whole check tries both.
"""

from __future__ import annotations

import os


def least() -> bool:
    return os.environ.get("FAKE_PAYLOADS", "least") == "least"

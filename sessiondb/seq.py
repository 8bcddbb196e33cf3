"""Sequence numbers: even for the host, odd for the runner, and never the same one twice (law 1)."""

from __future__ import annotations

from typing import Literal

Parity = Literal["even", "odd"]

MAX_SEQ = 2**53  # beyond it a row is a forgery: no session counts that far


def next_seq(parity: Parity, *seen: int) -> int:
    """The smallest number of this parity above everything `seen` in either file and above the high-water marks."""
    above = max(seen, default=0) + 1
    want = 0 if parity == "even" else 1
    seq = above if above % 2 == want else above + 1
    return max(seq, 2) if parity == "even" else seq


def is_valid(parity: Parity, seq: object) -> bool:
    return isinstance(seq, int) and 1 <= seq <= MAX_SEQ and seq % 2 == (0 if parity == "even" else 1)

"""What is checked out here, for records of long runs."""

from __future__ import annotations

import subprocess

RECORDS = ".ci/*.txt", ".ci/*.jsonl"  # what these runs write themselves


def commit() -> str:
    """With “-dirty” behind it where something else than their records was changed."""
    described = _git("describe", "--always")
    others = [f":(top,exclude,glob){record}" for record in RECORDS]
    return f"{described}-dirty" if _git("status", "--porcelain", "--", ":/", *others) else described


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()

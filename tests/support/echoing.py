"""Agents that echo, by name: nobody on Slack or Discord gets an echo that was not asked for."""

from __future__ import annotations

import re


def with_echoes(text: str) -> str:
    """The configuration with provider = "mock" for every agent that names none."""
    if not re.search(r"(?m)^\[agents\.default\]", text):
        text += "\n[agents.default]\n"
    sections = re.split(r"(?m)^(?=\[)", text)
    return "".join(
        section.replace("]\n", ']\nprovider = "mock"\n', 1)
        if re.match(r"\[agents\.[\w-]+\]", section) and "provider" not in section
        else section
        for section in sections
    )

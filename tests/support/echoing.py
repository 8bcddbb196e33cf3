"""A team's configuration as most tests want it: agents that echo, asked for by name; an owner; everybody let in."""

from __future__ import annotations

import re


def for_a_team(text: str, owner: str) -> str:
    """The same with what it does not say itself: provider = "mock", `owner` among the owners, unknown = "allow"."""
    for header in ("[agents.default]", "[access]"):
        if not re.search(rf"(?m)^{re.escape(header)}", text):
            text += f"\n{header}\n"
    sections = re.split(r"(?m)^(?=\[)", text)
    return "".join(_filled(section, owner) for section in sections)


def _filled(section: str, owner: str) -> str:
    if re.match(r"\[agents\.[\w-]+\]", section):
        wanted = {"provider": '"mock"'}
    elif section.startswith("[access]"):
        wanted = {"owners": f'["{owner}"]', "unknown": '"allow"'}
    else:
        return section
    missing = [
        f"{key} = {value}\n" for key, value in wanted.items() if not re.search(rf"(?m)^{key}\b", section)
    ]
    return section.replace("]\n", "]\n" + "".join(missing), 1)

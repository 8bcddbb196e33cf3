"""A browser that follows a platform's sign-in."""

from __future__ import annotations

from typing import Protocol
from urllib.parse import parse_qs, urlsplit

import aiohttp

from host.ports.people import Attempt


class SignsIn(Protocol):
    def sign_in_at(self, attempt: Attempt) -> str: ...


async def came_back(bot: SignsIn, attempt: Attempt) -> dict[str, str]:
    """What the platform's page sends people back with, by name."""
    async with (
        aiohttp.ClientSession() as browser,
        browser.get(bot.sign_in_at(attempt), allow_redirects=False) as answer,
    ):
        assert answer.status == 302, await answer.text()
        address = answer.headers["Location"]
    assert address.startswith(f"{attempt.back}?")
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}

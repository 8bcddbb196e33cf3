"""How requests reach a model: by the gateway's socket, which knows the session by it and adds the real credential."""

from __future__ import annotations

from dataclasses import dataclass

import anthropic
import httpx2

from runner.providers.fields import Fields
from runner.settings import Settings
from runner.sockets import reachable
from sessiondb.contract import ELSEWHERE

GATEWAY = "http://gateway"


@dataclass(frozen=True, slots=True)
class Way:
    """To one address, with what that is known to refuse."""

    client: anthropic.AsyncAnthropic
    fields: Fields


class Ways:
    """`own` leads to the model; `other` to the one that stands in for it, the same where that has no address of its own."""

    def __init__(self, settings: Settings) -> None:
        self.own = Way(_client(settings, GATEWAY), Fields(settings.without))
        apart = settings.fallback_elsewhere
        self.other = Way(_client(settings, GATEWAY + ELSEWHERE), Fields()) if apart else self.own


def _client(settings: Settings, base_url: str) -> anthropic.AsyncAnthropic:
    transport = httpx2.AsyncHTTPTransport(uds=reachable(settings.folder.gateway_socket))
    return anthropic.AsyncAnthropic(
        api_key="dovecote",
        base_url=base_url,
        http_client=anthropic.DefaultAsyncHttpxClient(transport=transport),
        max_retries=0,  # the library sleeps as long as it is told, and shows nobody
    )

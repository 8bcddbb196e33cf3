"""An agent's other model at an address of its own: what may be asked there, and with which key.

The container names the place by its path and learns neither the address nor the key. Nothing that is the model's own place's
goes there: without a key of its own that address is sent none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from host.config import tidied, unfit
from host.gateway.credentials import Credentials, Grant, NoCredential
from host.gateway.permits import Permit
from sessiondb.contract import ELSEWHERE

if TYPE_CHECKING:
    from host.config import Agent


@dataclass(frozen=True, slots=True)
class Elsewhere:
    url: str
    variable: str  # of the host's environment, with the key; '' = none
    permit: Permit  # for that model alone

    @classmethod
    def of(cls, agent: Agent) -> Elsewhere | None:
        """None where no model of the agent is elsewhere."""
        if not agent.fallback_url:
            return None
        permit = replace(Permit.of(agent), models=frozenset({agent.fallback_model}))
        return cls(agent.fallback_url, agent.fallback_key_env, permit)

    async def grant(self, agent: str, credentials: Credentials, environment: Mapping[str, str]) -> Grant:
        """Raises `NoCredential`."""
        if not self.variable:
            return await credentials.abroad(agent)
        key = tidied(environment).get(self.variable, "").strip()
        if not key:
            raise NoCredential(f"the host has no {self.variable} in its environment")
        if problem := unfit(key):
            raise NoCredential(f"{self.variable} {problem}")
        return Grant({"x-api-key": key})


async def granted(
    elsewhere: Elsewhere | None, agent: str, credentials: Credentials, environment: Mapping[str, str]
) -> Grant:
    """For that place, or for the model's own. Raises `NoCredential`."""
    if elsewhere is None:
        return await credentials.grant(agent)
    return await elsewhere.grant(agent, credentials, environment)


def split(path: str, elsewhere: Elsewhere | None) -> tuple[Elsewhere | None, str]:
    """Where a request goes, None for the model's own place, and its path there."""
    if elsewhere is None or not path.startswith(f"{ELSEWHERE}/"):
        return None, path
    return elsewhere, path.removeprefix(ELSEWHERE)

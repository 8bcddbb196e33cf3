"""Optional fields of a request: what speaks the Messages API before the model may not know them. Each falls away when refused.

The host remembers what was refused and tells the next runner (`Settings.without`); what is found out here holds for
this one's life.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any

from sessiondb import model_fields

JSON = dict[str, Any]

log = logging.getLogger(__name__)


class Fields:
    def __init__(self, without: Collection[str] = ()) -> None:
        self.gone = set(without) & set(model_fields.WORDS)

    def are_refused(self, status: int, detail: str, request: Mapping[str, Any]) -> bool:
        """Whether a request failed for a field that it can do without; the next one does."""
        if status not in (400, 422):
            return False
        found = model_fields.refused_in(request, detail)
        if not found:
            return False
        log.warning("The model API does not take %s: %s", found, detail[:300])
        self.gone.add(found)
        return True

    def apply(self, request: JSON) -> JSON:
        """The request without what was refused."""
        made = {key: value for key, value in request.items() if key not in self.gone}
        if "context_management" in self.gone:
            made.pop("betas", None)
        if "cache_control" in self.gone:
            made["system"] = [_without_marker(block) for block in request.get("system", ())]
        if "tools" in made:
            made["tools"] = [
                tool for tool in made["tools"] if not ("type" in tool and tool["name"] in self.gone)
            ]
            if not made["tools"]:
                del made["tools"]
        return made


def _without_marker(block: JSON) -> JSON:
    return {key: value for key, value in block.items() if key != "cache_control"}

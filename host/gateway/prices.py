"""What a model call costs, in millionths of a US dollar. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from host.config import Price

BUILT_IN: Mapping[str, Price] = {
    "claude-opus": Price(input=5.0, output=25.0, cache_write=10.0, cache_read=0.5),
    "claude-sonnet": Price(input=3.0, output=15.0, cache_write=6.0, cache_read=0.3),
    "claude-haiku": Price(input=1.0, output=5.0, cache_write=2.0, cache_read=0.1),
}  # cache writes as those of an hour, the dearest
UNKNOWN = BUILT_IN["claude-opus"]  # a model without a price is not cheap until the configuration says so


@dataclass(frozen=True, slots=True)
class Usage:
    input_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0
    cache_read_tokens: int = 0
    web_searches: int = 0


def price_of(model: str, configured: Mapping[str, Price]) -> Price:
    """The configured or built-in price whose name is the longest start of the model's."""
    known = {**BUILT_IN, **configured}
    fitting = [name for name in known if model.startswith(name)]
    return known[max(fitting, key=len)] if fitting else UNKNOWN


def cost(usage: Usage, price: Price) -> int:
    """Dollars per million tokens are millionths of a dollar per token."""
    return math.ceil(
        usage.input_tokens * price.input
        + usage.output_tokens * price.output
        + usage.cache_write_tokens * price.cache_write
        + usage.cache_read_tokens * price.cache_read
        + usage.web_searches * price.web_search * 1000
    )


def upper_bound(tokens: int, max_tokens: int, price: Price) -> int:
    """What a request may cost at most: every token of it to be cached, every token of the answer used."""
    return math.ceil(tokens * max(price.input, price.cache_write) + max_tokens * price.output)

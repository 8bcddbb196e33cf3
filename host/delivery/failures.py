"""What a runner says in place of an answer that failed, in the language of the place: the words are its own and English.

A line that is exactly one of these is told; what follows a colon is the model API's and stays.
"""

from __future__ import annotations

from dataclasses import replace

from host.words import ENGLISH, known, mark
from sessiondb import content

SIGN = "⚠️ "
SAID = frozenset(
    {
        mark("The model is overloaded right now."),
        mark("The model's rate limit is reached right now."),
        mark("The model API does not accept this installation's key."),
        mark("The model API does not allow this"),
        mark("The model API refuses for lack of credit or budget"),
        mark("The model API does not know what was asked for"),
        mark("This conversation has become too large for one request; /clear starts afresh."),
        mark("The model API did not accept the request"),
        mark("The model API has a fault of its own right now."),
        mark("The connection to the model was lost."),
        mark("The model declined to answer this; /clear starts afresh."),
    }
)


def retold(operation: content.Operation, language: str) -> content.Operation:
    if language == ENGLISH or not isinstance(operation, content.Text) or not operation.text.startswith(SIGN):
        return operation
    words, colon, detail = operation.text.removeprefix(SIGN).partition(": ")
    if words not in SAID:
        return operation
    return replace(operation, text=f"{SIGN}{known(words).told(language)}{colon}{detail}")

"""The feedback buttons under an answer, and the form after a 👎. Pure.

The element toggles by itself and tells no state: each click says which button it was, and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bots.common import judging
from bots.common.judging import PRESSED, SLACK_ACTION
from host.words import say

Json = dict[str, Any]

MODAL = "dovecote-judge-why"
BLOCK = "f:"  # before the answer's key
MOST_BLOCKS = 50  # of one message


def block(key: str) -> Json:
    good, bad = (_button(choice, *PRESSED[choice]) for choice in PRESSED)
    element = {
        "type": "feedback_buttons",
        "action_id": SLACK_ACTION,
        "positive_button": good,
        "negative_button": bad,
    }
    return {"type": "context_actions", "block_id": f"{BLOCK}{key}", "elements": [element]}


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form is about, as it travels in the form itself: it outlives any restart."""

    answer: str
    channel: str
    thread: str
    at: int  # ms UTC of the click

    def encode(self) -> str:
        return json.dumps([self.answer, self.channel, self.thread, self.at])

    @classmethod
    def decode(cls, text: str) -> Asked:
        answer, channel, thread, at = json.loads(text)
        return cls(str(answer), str(channel), str(thread), int(at))


def modal(asked: Asked, models: Sequence[str] = ()) -> Json:
    words: Json = {
        "type": "plain_text_input",
        "action_id": judging.REASON,
        "multiline": True,
        "max_length": judging.LONGEST,
    }
    once_more = {"text": _plain(judging.TRY_AGAIN), "value": judging.AGAIN}
    return {
        "type": "modal",
        "callback_id": MODAL,
        "private_metadata": asked.encode(),
        "title": _plain(judging.TITLE),
        "submit": _plain(say("Send")),
        "close": _plain(say("Leave it at 👎")),
        "blocks": [
            {
                "type": "input",
                "block_id": judging.REASON,
                "label": _plain(judging.LABEL),
                "hint": _plain(judging.HINT),
                "element": words,
                "optional": True,
            },
            {
                "type": "input",
                "block_id": judging.AGAIN,
                "label": _plain(say("And now")),
                "element": {"type": "checkboxes", "action_id": judging.AGAIN, "options": [once_more]},
                "optional": True,
            },
            *([_menu(models)] if models else []),
        ],
    }


def _menu(models: Sequence[str]) -> Json:
    return {
        "type": "input",
        "block_id": judging.MODEL,
        "label": _plain(judging.MODEL_LABEL),
        "element": {
            "type": "static_select",
            "action_id": judging.MODEL,
            "placeholder": _plain(judging.NO_MODEL),
            "options": [{"text": _plain(model), "value": model} for model in models],
        },
        "optional": True,
    }


def reason(view: Json) -> str:
    return str(view["state"]["values"][judging.REASON][judging.REASON].get("value") or "")


def model(view: Json) -> str:
    """By which it is to be answered once more; '' when none was chosen."""
    chosen = (view["state"]["values"].get(judging.MODEL) or {}).get(judging.MODEL) or {}
    return str((chosen.get("selected_option") or {}).get("value") or "")


def wants_another(view: Json) -> bool:
    chosen = (view["state"]["values"].get(judging.AGAIN) or {}).get(judging.AGAIN) or {}
    return bool(chosen.get("selected_options"))


def _button(value: str, label: str, spoken: str) -> Json:
    return {"text": _plain(label), "value": value, "accessibility_label": spoken}


def _plain(text: str) -> Json:
    return {"type": "plain_text", "text": text}

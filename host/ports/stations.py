"""Where a message is on its way: one line of the log and one figure at each station.

Every line names the message by the host's id (`message_id`) and the platform's (`platform_message`), so that either finds them
all, in order: in, stored, claimed, model call, out, receipt. No line holds what was said.
"""

from __future__ import annotations

import functools
import itertools
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from host.ports import figures
from host.ports.events import InboundEvent, Ingested, Verdict
from host.ports.spans import ROOT, NoSpans, Span, Spans
from sessiondb import MessageIn

log = logging.getLogger(__name__)
_of = functools.cache(
    lambda figure, *labels: figure.labels(*labels)
)  # a look by labels costs more than to count

MOST_KNOWN = 20_000  # messages under way whose times are kept; a restart forgets them, and their lines go on


@dataclass(slots=True)
class _Way:
    platform: str
    platform_message: str
    came_at: int  # ms UTC
    claimed_at: int = 0
    answered: bool = False


@dataclass(frozen=True, slots=True)
class Posted:
    """A chunk that came to its end. `answers` is the id of the message it answers, `state` as the ledger has it."""

    session: str
    platform: str
    answers: str
    state: str
    platform_message: str
    attempts: int
    began_at: int  # ms UTC of its first attempt, 0 = none


class Stations:
    def __init__(self, now: Callable[[], int], spans: Spans | None = None) -> None:
        self._now = now
        self._spans = spans or NoSpans()
        self._ways: OrderedDict[str, _Way] = OrderedDict()
        self._calls = itertools.count(now())  # no two of a message have the same number, in two lives either

    def came(self, event: InboundEvent) -> int:
        """Returns when, ms UTC. What people say among themselves leaves no line."""
        if not event.remark:
            log.info(
                "In: a %s on %s",
                event.event_class.value,
                event.address.channel_type,
                extra={"action": "in", **_ids(event.message_id, event.platform_message_id)},
            )
        return self._now()

    def taken(self, event: InboundEvent, ingested: Ingested, came_at: int) -> None:
        platform, verdict = event.address.channel_type, ingested.verdict
        _of(figures.EVENTS, platform, event.event_class.value, verdict.value).inc()
        _of(figures.INGEST, platform).observe(max(0, self._now() - came_at) / 1000)
        if verdict is Verdict.IGNORED:
            return
        ids = _ids(event.message_id, event.platform_message_id)
        about = {**ids, "platform": platform, "kind": event.event_class.value, "verdict": verdict.value}
        self._spans.add(Span(ROOT, event.message_id, came_at, self._now(), about))
        if verdict is Verdict.STORED:
            self._spans.add(Span("stored", event.message_id, came_at, self._now(), ids))
            self._know(event.message_id, _Way(platform, event.platform_message_id, came_at))
        log.info(
            "%s%s",
            verdict.value.capitalize(),
            f": {ingested.reason}" if ingested.reason else "",
            extra={"action": verdict.value, **ids},
        )

    def claimed(self, session: str, message: MessageIn) -> None:
        """As often as it is seen to be claimed; the first time counts."""
        way = self._ways.get(message.id)
        if way is None:
            platform = message.address.channel_type
            way = self._know(message.id, _Way(platform, message.platform_message_id, 0))
        if way.claimed_at:
            return
        way.claimed_at = self._now()
        if way.came_at:
            _of(figures.CLAIM, way.platform).observe(max(0, way.claimed_at - way.came_at) / 1000)
        about = {"session": session, **_ids(message.id, way.platform_message)}
        began = way.came_at or way.claimed_at
        self._spans.add(
            Span("claimed", message.id, began, way.claimed_at, about, alone=not way.platform_message)
        )
        log.info(
            "Claimed by its runner",
            extra={"action": "claimed", **about},
        )

    def model_called(self, session: str, message: MessageIn | None, model: str) -> Callable[[str], None]:
        """Whoever asks the model for a message has claimed it, whether or not that was read yet. To be told how the call
        failed, '' if it did not."""
        if message is not None:
            self.claimed(session, message)
        ids = _ids(message.id, message.platform_message_id) if message else {}
        log.info("Model call: %s", model, extra={"action": "model_call", "session": session, **ids})
        began, of = self._now(), str(next(self._calls))

        def ended(failed: str) -> None:
            if message is not None:
                about = {"session": session, "model": model, **ids}
                alone = not message.platform_message_id
                span = Span("model call", message.id, began, self._now(), about, of, failed, alone)
                self._spans.add(span)

        return ended

    def out(self, session: str, answers: str, key: str) -> None:
        way, now = self._ways.get(answers), self._now()
        about = {"session": session, "key": key, **_ids(answers, way.platform_message if way else "")}
        log.info("Out: a post is on its way", extra={"action": "out", **about})
        if answers:
            alone = way is not None and not way.platform_message
            self._spans.add(Span("out", answers, now, now, about, key, alone=alone))

    def posted(self, post: Posted) -> None:
        now, way = self._now(), self._ways.get(post.answers)
        _of(figures.DELIVERIES, post.platform, post.state).inc()
        _of(figures.ATTEMPTS, post.platform).inc(max(1, post.attempts))
        if post.state == "sent" and post.began_at:
            _of(figures.DELIVERY, post.platform).observe(max(0, now - post.began_at) / 1000)
        if way and way.came_at and not way.answered and post.state == "sent":
            way.answered = True
            _of(figures.FIRST_POST, post.platform).observe(max(0, now - way.came_at) / 1000)
        about = {
            "session": post.session,
            "posted": post.platform_message,
            **_ids(post.answers, way.platform_message if way else ""),
        }
        log.info("Receipt: %s", post.state, extra={"action": "receipt", **about})
        if post.answers:
            told: dict[str, str | int] = {**about, "state": post.state, "attempts": max(1, post.attempts)}
            failed = "" if post.state == "sent" else post.state
            alone = way is not None and not way.platform_message
            began, of = post.began_at or now, post.platform_message or str(now)
            self._spans.add(Span("receipt", post.answers, began, now, told, of, failed, alone))

    def settled(self, message: str, status: str) -> None:
        """The runner is done with it."""
        way = self._ways.get(message)
        if way is not None:
            _of(figures.TURNS, way.platform, status).inc()
        if way is not None and way.claimed_at:
            told = {"status": status, **_ids(message, way.platform_message)}
            failed = status if status == "failed" else ""
            alone = not way.platform_message
            self._spans.add(Span("turn", message, way.claimed_at, self._now(), told, "", failed, alone))
            _of(figures.TURN, way.platform).observe(max(0, self._now() - way.claimed_at) / 1000)
            way.claimed_at = 0
        log.info(
            "Settled: %s",
            status,
            extra={"action": "settled", **_ids(message, way.platform_message if way else "")},
        )

    def _know(self, message: str, way: _Way) -> _Way:
        self._ways[message] = way
        while len(self._ways) > MOST_KNOWN:
            self._ways.popitem(last=False)
        return way


def _ids(message: str, platform_message: str) -> dict[str, str]:
    """Of what is known; a task's run has no message on any platform."""
    known = {"message_id": message, "platform_message": platform_message}
    return {name: value for name, value in known.items() if value}

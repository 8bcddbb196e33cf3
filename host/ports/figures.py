"""What can be counted, under the names that monitoring knows. One process, one host: the figures are the process's own.

Labels have few values each: never a person, a channel, a conversation or a text.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_SHORT = (0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10)  # s; work of the host
_LONG = (0.1, 0.3, 1, 3, 10, 30, 60, 180, 600, 1800)  # s; what people wait for

EVENTS = Counter(
    "dovecote_events", "Events that came in, by what became of them", ["platform", "kind", "verdict"]
)
INGEST = Histogram(
    "dovecote_ingest_seconds", "From an event's arrival until it is durable", ["platform"], buckets=_SHORT
)
CLAIM = Histogram(
    "dovecote_claim_seconds",
    "From a message's arrival until its runner took it up",
    ["platform"],
    buckets=_LONG,
)
TURN = Histogram(
    "dovecote_turn_seconds", "From a claim until the message was settled", ["platform"], buckets=_LONG
)
TURNS = Counter("dovecote_turns", "Messages that came to their end, by status", ["platform", "status"])
FIRST_POST = Histogram(
    "dovecote_first_answer_seconds",
    "From a message's arrival until the first post that answers it stands",
    ["platform"],
    buckets=_LONG,
)
DELIVERY = Histogram(
    "dovecote_delivery_seconds",
    "From the first attempt to post something until its receipt",
    ["platform"],
    buckets=_LONG,
)
DELIVERIES = Counter("dovecote_deliveries", "Posts that came to their end", ["platform", "state"])
FAILURES = Counter(
    "dovecote_delivery_failures",
    "Attempts to post that failed: rejected, unsent, unknown (whether it arrived), offline",
    ["platform", "kind"],
)
ATTEMPTS = Counter("dovecote_delivery_attempts", "Attempts that these posts took", ["platform"])
MODEL_CALLS = Counter("dovecote_model_calls", "Calls to the model API", ["agent", "status"])
FIRST_BYTE = Histogram(
    "dovecote_model_first_byte_seconds",
    "From a call to the model until its answer begins",
    ["agent"],
    buckets=_LONG,
)
TOKENS = Counter("dovecote_tokens", "Tokens of model calls", ["agent", "kind"])
COST = Counter("dovecote_cost_usd", "What model calls cost, in US dollars", ["agent"])
JUDGED = Counter(
    "dovecote_answers_judged",
    "Choices of people about answers, as they were made",
    ["agent", "model", "choice"],
)
MASKED = Counter("dovecote_secrets_masked", "Secrets masked in what agents post", ["agent", "rule"])
REFUSALS = Counter("dovecote_model_refusals", "Model requests that the gateway refused", ["agent", "reason"])
STARTS = Counter("dovecote_runner_starts", "Runners started", ["outcome"])
RUNNERS = Gauge("dovecote_runners", "Runners alive")
WARM = Gauge("dovecote_runners_warm", "Runners that are ready for conversations to come")
WAITING = Gauge("dovecote_messages_waiting", "Messages taken in and not yet in their conversation's file")
UNDELIVERED = Gauge("dovecote_notices_waiting", "Notices of the host that are not delivered yet")
BUSY = Gauge("dovecote_conversations_busy", "Conversations in which something is to do")
BUDGET_LEFT = Gauge(
    "dovecote_budget_left_usd", "What all agents together may still spend; absent without a limit", ["period"]
)
SHARE_LEFT = Gauge(
    "dovecote_budget_left_ratio",
    "From 1 to 0, what is left of the budget of a kind (all, agent, channel, person, task) that has least; absent without one",
    ["kind", "period"],
)
CONNECTED = Gauge("dovecote_platform_connected", "1 while the platform reaches us", ["platform"])
SWEPT = Gauge("dovecote_last_sweep_seconds", "Age of the sweep's last sign of life")

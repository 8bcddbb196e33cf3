"""Traces by OpenTelemetry, where the configuration names a collector. The only module that imports its SDK, and not before.

A trace is a message: its id is made of the message's, and so is that of the stretch under which all others belong. So
whoever knows the message adds to its trace, after a restart as well, and nothing has to be carried through the two files.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import threading
from typing import TYPE_CHECKING

from host.config import Config
from host.ports.spans import ROOT, NoSpans, Span, Spans

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
    from opentelemetry.trace import SpanContext

log = logging.getLogger(__name__)

SERVICE = "dovecote"
TIMEOUT = 10.0  # s that a collector gets for one batch; a thread of its own waits for it
LAST_WORDS = 1.0  # s at the end for what is left
QUEUED = 2_048  # spans that wait for the collector; more are dropped
LIBRARY = (
    "opentelemetry"  # the loggers of the SDK, which would say the same with a traceback, again and again
)


def made(config: Config) -> Spans:
    """Nothing that is wrong with traces keeps a host from working: it is said, once."""
    if config.traces is None:
        return NoSpans()
    try:
        return Traces(_processor(config.traces.endpoint))
    except Exception as error:  # noqa: BLE001 - a library that is missing, odd, or set up by odd variables
        log.error(
            "No traces are sent: %s. Install Dovecote with its extra `otel` (docs/operations.md)",
            error,
            extra={"action": "traces_off"},
        )
        return NoSpans()


class Traces:
    def __init__(self, processor: SpanProcessor) -> None:
        from opentelemetry.sdk.resources import Resource

        self._processor = processor
        self._resource = Resource.create({"service.name": SERVICE})

    def add(self, span: Span) -> None:
        with contextlib.suppress(Exception):  # a span is worth nothing that it could cost
            self._processor.on_end(_readable(span, self._resource))

    def close(self) -> None:
        """In a thread that dies with the process: a collector that hangs holds up no end."""
        closing = threading.Thread(target=self._close, name="traces", daemon=True)
        closing.start()
        closing.join(LAST_WORDS)

    def _close(self) -> None:
        with contextlib.suppress(Exception):
            self._processor.shutdown()


def _processor(endpoint: str) -> SpanProcessor:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    logging.getLogger(LIBRARY).setLevel(logging.CRITICAL)
    exporter = _telling(OTLPSpanExporter(endpoint=endpoint, timeout=TIMEOUT), endpoint)
    return BatchSpanProcessor(
        exporter, max_queue_size=QUEUED, schedule_delay_millis=1_000, max_export_batch_size=QUEUED // 4
    )


def _telling(inner: SpanExporter, endpoint: str) -> SpanExporter:
    """Says once that a collector takes nothing, and once that it does again."""
    from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult

    class Telling(SpanExporter):
        def __init__(self) -> None:
            self._lost = False

        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            try:
                result = inner.export(spans)
            except Exception as error:  # noqa: BLE001 - whatever the library's transport raises
                log.debug("Traces: %s", error)
                result = SpanExportResult.FAILURE
            lost = result is not SpanExportResult.SUCCESS
            if lost != self._lost:
                self._lost = lost
                if lost:
                    log.warning("Traces are lost: %s takes none", endpoint, extra={"action": "traces_lost"})
                else:
                    log.info("Traces are taken again", extra={"action": "traces_taken"})
            return result

        def shutdown(self) -> None:
            inner.shutdown()

    return Telling()


def _readable(span: Span, resource: Resource) -> ReadableSpan:
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.util.instrumentation import InstrumentationScope
    from opentelemetry.trace import SpanKind, Status, StatusCode

    root = span.name == ROOT
    return ReadableSpan(
        span.name,
        _context(span.message, span.name, span.of),
        parent=None if root or span.alone else _context(span.message, ROOT, ""),
        resource=resource,
        attributes={"dovecote.message_id": span.message, **span.attributes},
        kind=SpanKind.SERVER if root else SpanKind.INTERNAL,
        status=Status(StatusCode.ERROR, span.failed) if span.failed else Status(StatusCode.OK),
        start_time=span.began_at * 1_000_000,
        end_time=max(span.began_at, span.ended_at) * 1_000_000,
        instrumentation_scope=InstrumentationScope(SERVICE),
    )


def _context(message: str, name: str, of: str) -> SpanContext:
    from opentelemetry.trace import SpanContext, TraceFlags

    return SpanContext(
        int.from_bytes(_digest(message)[:16], "big") or 1,
        int.from_bytes(_digest(f"{message}\x1f{name}\x1f{of}")[:8], "big") or 1,
        is_remote=False,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()

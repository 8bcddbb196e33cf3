"""Traces: what a collector gets over real HTTP, that one which hangs or is away costs nothing, and that nobody else pays."""

from __future__ import annotations

import logging
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from queue import Queue

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from pydantic import ValidationError

from host.config import Config
from host.ports.events import Author, EventClass, InboundEvent, Ingested, Verdict
from host.ports.spans import NoSpans, Span
from host.ports.stations import Posted, Stations
from host.upkeep import traces
from host.upkeep.traces import Traces
from sessiondb import MessageIn
from sessiondb.records import Address, Kind, Status

LATEST = 20.0  # s that anything here may take
HERE = Address("slack", "T1", "C1", "1712.1")


class Clock:
    def __init__(self) -> None:
        self.at = 1_790_000_000_000

    def now(self) -> int:
        self.at += 10
        return self.at


@contextmanager
def collecting(status: int = 200) -> Iterator[tuple[str, Queue[tuple[str, ExportTraceServiceRequest]]]]:
    """A collector's address, and what it gets."""
    got: Queue[tuple[str, ExportTraceServiceRequest]] = Queue()

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.put((self.path, ExportTraceServiceRequest.FromString(body)))
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        thread.join(LATEST)
        server.server_close()


def to(endpoint: str) -> Config:
    return Config.model_validate({"traces": {"endpoint": endpoint}})


def event() -> InboundEvent:
    return InboundEvent(
        EventClass.MESSAGE,
        HERE,
        "n1",
        Author("U1", "Ana"),
        1,
        "the secret words",
        platform_message_id="1712.9",
    )


def message(id_: str, platform_message: str = "1712.9") -> MessageIn:
    return MessageIn(
        2,
        id_,
        Kind.CHAT,
        Status.PENDING,
        True,
        1,
        0,
        0,
        HERE,
        platform_message,
        "U1",
        "",
        0,
        "the secret words",
    )


def on_its_way(stations: Stations) -> str:
    """One message past every station; returns its id."""
    came = event()
    came_at = stations.came(came)
    stations.taken(came, Ingested(Verdict.STORED, came.message_id), came_at)
    found = message(came.message_id)
    stations.claimed("s1", found)
    stations.model_called("s1", found, "claude-opus-5-5")("")
    stations.out("s1", found.id, "key1")
    stations.settled(found.id, "completed")
    stations.posted(Posted("s1", "slack", found.id, "sent", "1712.10", 1, stations._now()))
    return found.id


def kept() -> tuple[Traces, InMemorySpanExporter]:
    memory = InMemorySpanExporter()
    return Traces(SimpleSpanProcessor(memory)), memory


def by_name(memory: InMemorySpanExporter) -> dict[str, ReadableSpan]:
    return {span.name: span for span in memory.get_finished_spans()}


def test_a_message_is_one_trace_of_its_six_stations_in_order_without_a_word_of_it() -> None:
    spans, memory = kept()
    id_ = on_its_way(Stations(Clock().now, spans))
    found = memory.get_finished_spans()
    assert [span.name for span in found] == [
        "in",
        "stored",
        "claimed",
        "model call",
        "out",
        "turn",
        "receipt",
    ]
    assert len({span.context.trace_id for span in found if span.context}) == 1
    assert len({span.context.span_id for span in found if span.context}) == len(found)
    root = found[0]
    assert root.parent is None
    assert all(
        span.parent and root.context and span.parent.span_id == root.context.span_id for span in found[1:]
    )
    for span in found:
        assert span.attributes is not None
        assert span.attributes["dovecote.message_id"] == id_
        assert span.attributes["platform_message"] == "1712.9"
        assert span.start_time is not None
        assert span.end_time is not None
        assert span.start_time <= span.end_time
        assert span.resource.attributes["service.name"] == "dovecote"
        assert span.status.status_code is StatusCode.OK
        assert "secret" not in span.to_json()
        assert "Ana" not in span.to_json()
    ends = [span.end_time or 0 for span in found]
    assert ends == sorted(ends)


def test_a_later_life_goes_on_with_the_trace_and_its_spans_are_others() -> None:
    one, first = kept()
    id_ = on_its_way(Stations(Clock().now, one))
    two, second = kept()
    clock = Clock()
    clock.at += 60_000
    later = Stations(clock.now, two)
    later.claimed("s1", message(id_))
    later.model_called("s1", message(id_), "claude-opus-5-5")("broke off")
    before, after = by_name(first), by_name(second)
    call = after["model call"]
    assert call.context
    assert call.parent
    assert before["in"].context
    assert call.context.trace_id == before["in"].context.trace_id
    assert call.parent.span_id == before["in"].context.span_id
    assert before["model call"].context
    assert call.context.span_id != before["model call"].context.span_id
    assert (call.status.status_code, call.status.description) == (StatusCode.ERROR, "broke off")


def test_a_tasks_run_that_no_platform_sent_has_no_station_above_it() -> None:
    spans, memory = kept()
    stations = Stations(Clock().now, spans)
    run = message("k1", platform_message="")
    stations.claimed("s1", run)
    stations.out("s1", "k1", "key")
    stations.posted(Posted("s1", "slack", "k1", "failed", "", 3, 0))
    assert all(span.parent is None for span in memory.get_finished_spans())
    assert by_name(memory)["receipt"].status.description == "failed"


def test_what_answers_nothing_and_what_is_declined_is_told_as_it_is() -> None:
    spans, memory = kept()
    stations = Stations(Clock().now, spans)
    stations.posted(Posted("s1", "slack", "", "sent", "9", 1, 0))
    assert memory.get_finished_spans() == ()
    came = event()
    stations.taken(came, Ingested(Verdict.DECLINED, came.message_id, reason="no access"), 1)
    [root] = memory.get_finished_spans()
    assert root.attributes is not None
    assert (root.name, root.attributes["verdict"]) == ("in", "declined")


def test_a_collector_gets_the_spans_over_http() -> None:
    with collecting() as (address, got):
        spans = traces.made(to(address))
        on_its_way(Stations(Clock().now, spans))
        spans.close()
        path, request = got.get(timeout=LATEST)
        assert path == "/v1/traces"
        [resource] = request.resource_spans
        sent: list[Sent] = [span for scope in resource.scope_spans for span in scope.spans]
        assert {span.name for span in sent} >= {"in", "stored", "claimed", "model call", "out", "receipt"}
        assert len({span.trace_id for span in sent}) == 1


def test_a_collector_that_takes_nothing_is_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    with collecting(status=400) as (address, got):
        exporter = traces._telling(_exporter(f"{address}/v1/traces"), address)
        spans = Traces(SimpleSpanProcessor(exporter))
        for number in range(3):
            spans.add(Span("in", f"m{number}", 1, 2))
        assert got.qsize() == 3
    told = [record for record in caplog.records if getattr(record, "action", "") == "traces_lost"]
    assert len(told) == 1
    assert address in told[0].getMessage()
    assert not [record for record in caplog.records if record.exc_info]


def _exporter(endpoint: str) -> traces.SpanExporter:  # type: ignore[name-defined]
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    logging.getLogger(traces.LIBRARY).setLevel(logging.CRITICAL)
    return OTLPSpanExporter(endpoint=endpoint, timeout=LATEST)


def test_a_collector_that_hangs_holds_up_neither_the_work_nor_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:  # takes connections and says nothing
        spans = traces.made(to(f"http://127.0.0.1:{mute.getsockname()[1]}"))
        for number in range(3 * traces.QUEUED):
            spans.add(Span("in", f"m{number}", 1, 2))
        mute.settimeout(LATEST)
        connection, _ = mute.accept()
        with connection:
            spans.close()  # while it is being written to
            connection.setblocking(False)
            assert connection.recv(1)  # its end is not what ended it


def test_a_collector_that_is_away_breaks_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    spans = traces.made(to(f"http://127.0.0.1:{port}"))
    spans.add(Span("in", "m", 1, 2))
    spans.close()
    spans.add(Span("in", "m", 1, 2))  # after the end, too
    spans.close()
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("odd", ["a library that is missing", "a variable that is odd"])
def test_what_is_wrong_with_traces_is_said_and_keeps_no_host_from_working(
    odd: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if "library" in odd:
        monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    else:
        monkeypatch.setenv("OTEL_PYTHON_EXPORTER_OTLP_HTTP_TRACES_CREDENTIAL_PROVIDER", "nobody")
    spans = traces.made(to("http://127.0.0.1:4318"))
    assert isinstance(spans, NoSpans)
    [said] = [record for record in caplog.records if getattr(record, "action", "") == "traces_off"]
    assert "extra" in said.getMessage()
    assert said.exc_info is None


def test_of_collectors_platforms_and_terminals_that_nobody_asked_for_nothing_is_imported() -> None:
    """A quarter of a second and 30 MB for each platform, nor by any module that a host consists of."""
    script = (
        "import sys, pathlib, host.cli.run, host.cli.main, host.app, bots.console, bots.discord, bots.slack\n"
        "from host.config import Config\nfrom host.ports.bot import Surroundings\nfrom host.upkeep import traces\n"
        "traces.made(Config()).close()\n"
        "around = Surroundings(Config(), pathlib.Path('data'), {})\n"
        "print([bots.slack.make(around), bots.discord.make(around), bots.console.make(around).channel_type])\n"
        "dear = ('opentelemetry.sdk', 'opentelemetry.exporter', 'slack_bolt', 'slack_sdk', 'discord', 'prompt_toolkit')\n"
        "print([name for name in sys.modules if name.startswith(dear)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == "[None, None, 'console']\n[]\n"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
        ("http://collector:4318/", "http://collector:4318/v1/traces"),
        ("https://otlp.example.com/team/v1/traces", "https://otlp.example.com/team/v1/traces"),
    ],
)
def test_an_endpoint_is_taken_as_people_write_it(written: str, meant: str) -> None:
    found = to(written).traces
    assert found is not None
    assert found.endpoint == meant


@pytest.mark.parametrize("wrong", ["collector:4317", "grpc://collector:4317", "", "ftp://x"])
def test_an_endpoint_that_is_none_is_refused_with_an_example(wrong: str) -> None:
    with pytest.raises(ValidationError, match=r"http://127\.0\.0\.1:4318"):
        to(wrong)

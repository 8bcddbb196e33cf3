"""The agent as people meet it: Claude in containers of the real engine, its model the fake, one conversation per case.

The cases share a host and run side by side; each has a channel of its own, and the model knows it by the channel's name in
the first message.
"""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import apsw
import pytest

from host.ports.events import Author, EventClass, Ingested, Verdict
from sessiondb import Unavailable
from sessiondb.connection import open_reader
from tests.fakes.model_api import Answer, Compaction, FakeModelAPI, Gate, RecordedRequest, ToolUse, answer
from tests.fakes.platform import TIMEOUT, MemoryBot
from tests.support.asking import MODEL
from tests.support.dockers import clean_up, containers_of, docker_config, docker_serving

pytest_plugins = ["tests.support.engine"]
pytestmark = [pytest.mark.docker, pytest.mark.timeout(600)]

SERVER = Path(__file__).resolve().parents[1] / "fakes" / "mcp_server" / "serve.py"
PATIENCE = 5 * TIMEOUT  # s; many containers start on two cores


@dataclass
class Case:
    """One conversation, and the container it runs in."""

    name: str
    api: FakeModelAPI
    bot: MemoryBot
    data: Path
    image: str

    def script(self, *answers: Answer | str) -> None:
        self.api.when(conversation_contains=f"[{self.name}]").answer(*answers)

    async def say(self, text: str, **more: Any) -> Ingested:
        return await self.bot.say(self.name, text, **more)

    async def begin(self, *answers: Answer | str) -> None:
        self.script(*answers)
        await self.say(f"[{self.name}] Do it")

    async def said(self, count: int) -> list[str]:
        await self.bot.until(lambda: len(self.bot.said(self.name)) >= count, PATIENCE)
        return self.bot.said(self.name)

    async def click(self, choice: str, by: str = "U1") -> Ingested:
        question = next(
            d.question for d in reversed(self.bot.sent) if d.question and d.address.platform_id == self.name
        )
        more = {"event_class": EventClass.ANSWER, "natural_id": question, "refers_to": question}
        return await self.say("", value=choice, author=Author(by, by), **more)

    async def eventually(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(PATIENCE):
            while not condition():  # noqa: ASYNC110 - it happens in a container
                await asyncio.sleep(0.05)

    async def asked(self, count: int) -> None:
        """The model was asked so many times."""
        await self.eventually(lambda: len(self.requests()) >= count)

    async def has_claimed(self, count: int) -> None:
        await self.eventually(lambda: self.claimed() >= count)

    def requests(self) -> list[Any]:
        return [r for r in self.api.requests if f"[{self.name}]" in r.conversation]

    def claimed(self) -> int:
        try:
            connection = open_reader(self._session() / "outbound" / "outbound.db")
            try:
                return len(connection.execute("SELECT 1 FROM processing_ack").fetchall())
            finally:
                connection.close()
        except (Unavailable, apsw.BusyError):
            return 0

    def kill(self) -> None:
        for container in containers_of(self.data, self.image):
            if container.labels["dovecote.session"] == self._session().name:
                container.kill("SIGKILL")

    def workspace(self) -> Path:
        return self._session() / "work"

    def shared(self) -> Path:
        [found] = (self.data / "workspaces" / "default").iterdir()
        return found

    def _session(self) -> Path:
        connection = apsw.Connection(str(self.data / "host.db"), flags=apsw.SQLITE_OPEN_READONLY)
        try:
            sql = "SELECT id FROM sessions WHERE platform_id = ?"
            return self.data / "sessions" / str(connection.execute(sql, (self.name,)).get)
        finally:
            connection.close()


async def follow_ups(case: Case) -> None:
    """Three corrections reach the model within the turn, each at its next step."""
    gates = [Gate() for _ in range(3)]
    steps = [
        answer(ToolUse("send_message", {"text": f"step {n}"}), gate=gate) for n, gate in enumerate(gates)
    ]
    await case.begin(*steps, "All of it.", "Bye.")
    for number, gate in enumerate(gates):
        await case.asked(number + 1)
        await case.say(f"correction {number}")
        await case.has_claimed(number + 2)
        await gate.open()
    assert await case.said(4) == ["step 0", "step 1", "step 2", "All of it."]
    for number in range(3):
        assert f"correction {number}" in case.requests()[number + 1].user_text


async def stop(case: Case) -> None:
    """A running tool ends with the turn, and what was done is said."""
    slow = ToolUse("bash", {"command": "echo > began; sleep 600"})
    await case.begin(answer(ToolUse("send_message", {"text": "one"}), slow), "Going on.")
    await case.eventually(lambda: list(case.data.glob("sessions/*/work/began")))
    await case.say("", event_class=EventClass.CONTROL, value="stop")
    told = "I had sent a message. A command was still running; how far it got is not known."
    assert (await case.said(2))[1] == f"Stopped. {told}"
    await case.say("And now?")
    assert (await case.said(3))[2] == "Going on."


async def killed(case: Case) -> None:
    """kill -9 after the second of three calls: the third follows, the first two are not repeated."""
    add = [ToolUse("bash", {"command": f"echo {n} >> effects"}) for n in ("one", "two", "three")]
    never = Gate()
    await case.begin(*map(answer, add[:2]), answer("Lost.", gate=never), answer(add[2]), "Done.")
    await case.eventually(lambda: len(case.requests()) == 3)
    case.kill()
    assert await case.said(1) == ["Done."]
    assert (case.workspace() / "effects").read_text().split() == ["one", "two", "three"]


async def compaction(case: Case) -> None:
    await case.begin("Doves are birds.", answer(Compaction("They spoke of doves."), "Yes."), "Still here.")
    await case.said(1)
    await case.say("Do they fly?")
    assert (await case.said(2))[1] == "Yes."
    archive = next((case.shared() / "conversations").glob("*compaction*"))
    assert "**Agent**: Doves are birds." in archive.read_text()
    api_sees = [r for r in case.api.requests if "They spoke of doves." in r.conversation]
    assert all("Doves are birds." not in r.conversation for r in api_sees)


async def granted(case: Case) -> None:
    """Only the person listed may say yes; the call runs once although its container is gone by then."""
    await case.begin(answer(ToolUse("bash", {"command": "echo x >> granted"})), "Done.")
    assert "May I run `bash`?" in (await case.said(1))[0]
    stranger = await case.click("Allow")
    assert stranger.verdict is Verdict.DECLINED
    case.kill()
    await case.click("Allow", by="UBOSS")
    assert (await case.said(2))[1] == "Done."
    assert (case.workspace() / "granted").read_text() == "x\n"


async def denied(case: Case) -> None:
    call = ToolUse("bash", {"command": "touch denied"})
    await case.begin(answer(call), "Then not.")
    await case.said(1)
    await case.click("Deny", by="UBOSS")
    assert (await case.said(2))[1] == "Then not."
    assert "not run: refused by UBOSS" in case.requests()[1].tool_results[call.id]
    assert not (case.workspace() / "denied").exists()


async def timed_out(case: Case) -> None:
    call = ToolUse("bash", {"command": "touch late"})
    await case.begin(answer(call), "Nobody was there.")
    assert (await case.said(2))[1] == "Nobody was there."
    assert "not run: nobody answered in time" in case.requests()[1].tool_results[call.id]
    assert not (case.workspace() / "late").exists()


async def crashing_server(case: Case) -> None:
    """An MCP server that dies fails the call it died in; the next call finds it started anew. Its start may take longer than
    a turn waits for it, beside eight containers on two cores: the model calls it in the first turn that has its tools."""
    calls = [ToolUse("mcp__sums__die", {}), ToolUse("mcp__sums__add", {"a": 2, "b": 3})]
    steps: deque[Answer | str] = deque([*map(answer, calls), "Five."])

    def next_step(request: RecordedRequest) -> Answer | str:
        return steps.popleft() if "mcp__sums__die" in request.tool_names else "Not yet."

    case.api.when(conversation_contains=f"[{case.name}]").answer(next_step)
    async with asyncio.timeout(PATIENCE):
        for turn in itertools.count(1):
            await case.say(f"[{case.name}] Do it")
            if (await case.said(turn))[-1] == "Five.":
                break
    fell, summed = [request.tool_results for request in case.requests() if request.tool_results]
    assert "the MCP server 'sums' failed" in fell[calls[0].id]
    assert summed == {calls[1].id: "5"}


async def button(case: Case) -> None:
    call = ToolUse("ask_user_question", {"question": "Which?", "options": ["red", "blue"]})
    await case.begin(answer(call), "Blue it is.")
    assert await case.said(1) == ["Which?"]
    await case.click("blue")
    assert (await case.said(2))[1] == "Blue it is."
    assert case.requests()[1].tool_results[call.id] == "blue"


CASES: dict[str, Callable[[Case], Awaitable[None]]] = {
    case.__name__: case
    for case in (
        follow_ups,
        stop,
        killed,
        compaction,
        granted,
        denied,
        timed_out,
        crashing_server,
        button,
    )
}


@pytest.fixture
def data(tmp_path: Path, image: str) -> Iterator[Path]:
    yield tmp_path
    clean_up(tmp_path, image)


async def test_the_agent_in_containers_does_all_that_people_may_rely_on(
    data: Path, image: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data / "agents" / "adder").mkdir(parents=True)
    shutil.copy(SERVER, data / "agents" / "adder" / "serve.py")
    careful = {"approve": ["bash"], "approvers": ["memory:UBOSS"]}
    sums = {"mcp": {"sums": {"command": "/opt/venv/bin/python", "args": ["/agent/serve.py"]}}}
    options: dict[str, dict[str, Any]] = {
        "default": {},
        "careful": careful,
        "hasty": {**careful, "approve_within": 1},
        "adder": sums,
    }
    agents = {name: {"provider": "claude", "model": MODEL, "options": o} for name, o in options.items()}
    places = {"granted": "careful", "denied": "careful", "timed_out": "hasty", "crashing_server": "adder"}
    routes = [*({"channel": channel, "agent": agent} for channel, agent in places.items()), {}]
    async with FakeModelAPI() as api:
        monkeypatch.setenv("ANTHROPIC_API_KEY", api.key)
        settings = docker_config(
            data,
            image,
            agents=agents,
            routes=routes,
            model={"base_url": api.base_url},
            host={"sweep_every": 0.5},
        )
        async with docker_serving(settings) as (_, bot), asyncio.TaskGroup() as group:
            for name, case in CASES.items():
                group.create_task(_named(case, Case(name, api, bot, data, image)), name=name)
    keys = {request.headers["x-api-key"] for request in api.requests}
    assert keys == {api.key}


async def _named(case: Callable[[Case], Awaitable[None]], told: Case) -> None:
    try:
        await case(told)
    except BaseException as error:
        error.add_note(f"in the case {told.name!r}, whose model was asked {len(told.requests())} times")
        raise

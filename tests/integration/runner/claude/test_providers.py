"""What every provider has to do, asked of each: the same conversation, whoever thinks."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from host.ports.events import EventClass
from tests.fakes.model_api import Compaction, FakeModelAPI, Gate, Hang, HttpError, Usage, answer
from tests.support.acting import KINDS, WITH_A_MODEL, Call, Say, acting

every = pytest.mark.parametrize("kind", KINDS)
with_a_model = pytest.mark.parametrize("kind", WITH_A_MODEL)


def post(text: str, gate: Gate | None = None) -> Call:
    return Call("send_message", {"text": text}, gate)


@every
async def test_a_tool_runs_once_and_the_answer_comes_after_it(
    kind: str, api: FakeModelAPI, tmp_path: Path
) -> None:
    async with acting(kind, api, tmp_path) as act:
        await act.talk.say(act.says("Do it", post("looking"), Say("Done.")))
        assert await act.talk.replies(2) == ["looking", "Done."]
        assert await act.talk.ask(act.says("And now?", Say("Still here."))) == "Still here."


@with_a_model
async def test_three_follow_ups_reach_the_model_within_the_turn(
    kind: str, api: FakeModelAPI, tmp_path: Path
) -> None:
    gates = [Gate(), Gate(), Gate()]
    async with acting(kind, api, tmp_path) as act:
        act.script(*(post(f"step {number}", gate) for number, gate in enumerate(gates)), Say("All of it."))
        await act.talk.say("start")
        for number, gate in enumerate(gates):
            await api.received(number + 1)
            await act.talk.say(f"correction {number}")
            await act.talk.claimed(number + 2)
            await gate.open()
        assert (await act.talk.replies(4))[-1] == "All of it."
        assert await act.talk.ask(act.says("More?", Say("No."))) == "No."
    assert len(api.requests) == 5
    for number in range(3):
        assert f"correction {number}" in api.requests[3].conversation
        assert api.requests[4].conversation.count(f"correction {number}") == 1


@with_a_model
async def test_the_conversation_outlives_its_runner(kind: str, api: FakeModelAPI, tmp_path: Path) -> None:
    async with acting(kind, api, tmp_path) as act:
        await act.talk.ask(act.says("My name is Ada", Say("Noted.")))
        for pid in act.talk.runner_pids():
            os.kill(pid, signal.SIGKILL)
        assert await act.talk.ask(act.says("Who am I?", Say("Ada."))) == "Ada."
    assert "My name is Ada" in api.requests[1].conversation
    assert "Noted." in api.requests[1].conversation


@with_a_model
async def test_a_runner_killed_after_two_of_three_calls_repeats_neither(
    kind: str, api: FakeModelAPI, tmp_path: Path
) -> None:
    async with acting(kind, api, tmp_path) as act:
        act.script(post("one"), post("two"))
        api.script(Hang(Gate()))
        act.script(post("three"), Say("Done."))
        await act.talk.say("Do it")
        await api.received(3)
        for pid in act.talk.runner_pids():
            os.kill(pid, signal.SIGKILL)
        assert await act.talk.replies(4) == ["one", "two", "three", "Done."]
    assert "Do it" in api.requests[3].conversation
    assert "queued as" in api.requests[3].conversation
    if kind == "claude":
        assert api.requests[3].json["messages"] == api.requests[2].json["messages"]


@every
async def test_stop_ends_the_turn_and_says_what_was_done(
    kind: str, api: FakeModelAPI, tmp_path: Path
) -> None:
    async with acting(kind, api, tmp_path, {"tools": ["send_message", "bash"]}) as act:
        shell = "Bash" if kind == "claude_code" else "bash"
        slow = {"command": f"echo $$ > {tmp_path}/shell; sleep 600"}
        if kind == "claude_code":
            act.script(post("one"))
            act.script_own(shell, slow)
            said = "Do it"
        else:
            said = act.says("Do it", post("one"), Call(shell, slow))
        await act.talk.say(said)
        await act.talk.eventually((tmp_path / "shell").exists)
        await act.talk.say("", event_class=EventClass.CONTROL, value="stop")
        assert "Stopped. I had sent a message." in (await act.talk.replies(2))[1]
        shell_pid = (tmp_path / "shell").read_text().strip()
        await act.talk.eventually(lambda: not Path(f"/proc/{shell_pid}").exists())
        assert await act.talk.ask(act.says("and now?", Say("Going on."))) == "Going on."


@every
async def test_a_question_is_answered_by_a_button(kind: str, api: FakeModelAPI, tmp_path: Path) -> None:
    asking = Call("ask_user_question", {"question": "Which?", "options": ["red", "blue"]})
    async with acting(kind, api, tmp_path) as act:
        said = act.says("Paint it", asking)
        if kind == "claude_code":
            act.script(Say("I wait for the answer."))  # the harness ends its turn; nobody is shown that
        assert await act.talk.ask(said) == "Which?"
        if kind == "claude_code":
            await api.received(2)
        act.script(Say("Blue it is."))
        await act.talk.click("blue")
        told = {"mock": "blue"}.get(kind, "Blue it is.")
        assert (await act.talk.replies(2))[1:] == [told]
    if kind != "mock":
        assert "blue" in api.requests[-1].conversation


@every
@pytest.mark.parametrize(("choice", "ran"), [("Allow", True), ("Deny", False)])
async def test_a_call_that_needs_approval_waits_for_it(
    kind: str, choice: str, ran: bool, api: FakeModelAPI, tmp_path: Path
) -> None:
    writing = Call("bash", {"command": "echo done >> written; echo written"})
    async with acting(kind, api, tmp_path, {"tools": ["bash"], "approve": ["bash"]}) as act:
        said = act.says("Write it", writing)
        if kind == "claude_code":
            act.script(Say("I wait for the yes."))
        assert "May I run `bash`?" in await act.talk.ask(said)
        if kind == "claude_code":
            await api.received(2)
        assert not (act.talk.workspace() / "written").exists()
        for pid in act.talk.runner_pids():
            os.kill(pid, signal.SIGKILL)
        act.script(Say("So be it."))
        await act.talk.click(choice)
        told = (await act.talk.replies(2))[1]
        assert (act.talk.workspace() / "written").exists() is ran
    if kind == "mock":
        assert ("written" if ran else "refused") in told
    else:
        assert told == "So be it."
        assert ("written" if ran else choice) in api.requests[-1].conversation


@with_a_model
async def test_a_summary_takes_the_place_of_the_past_and_the_whole_is_archived(
    kind: str, api: FakeModelAPI, tmp_path: Path
) -> None:
    large = Usage(input_tokens=180_000)
    async with acting(kind, api, tmp_path, {"compact_at": 100_000}) as act:
        await act.talk.ask(act.says("Tell me of <doves>", Say("Doves are birds.", large)))
        await act.talk.ask(act.says("Of what colour?", Say("Grey.", large)))
        if kind == "claude_code":
            act.script(Say("<summary>They spoke of doves.</summary>"), Say("Yes."))
        else:
            api.script(answer(Compaction("They spoke of doves."), "Yes."))
        assert await act.talk.ask("Do they fly?") == "Yes."
        assert await act.talk.ask(act.says("Go on", Say("Still here."))) == "Still here."
        archive = max((act.talk.shared() / "conversations").iterdir(), key=lambda path: path.stat().st_mtime)
    assert "-tell-me-of-doves" in archive.name
    assert "**Ada (U1)**:\n> Tell me of <doves>" in archive.read_text()
    assert "**Agent**: Grey." in archive.read_text()
    assert "They spoke of doves." in api.requests[-1].conversation
    assert "Doves are birds." not in api.requests[-1].conversation


@with_a_model
async def test_clear_starts_afresh(kind: str, api: FakeModelAPI, tmp_path: Path) -> None:
    async with acting(kind, api, tmp_path) as act:
        await act.talk.ask(act.says("My name is Ada", Say("Noted.")))
        await act.talk.say("", event_class=EventClass.CONTROL, value="clear")
        await act.talk.replies(2)
        assert await act.talk.ask(act.says("Who am I?", Say("Who are you?"))) == "Who are you?"
        [archive] = (act.talk.shared() / "conversations").iterdir()
    assert "My name is Ada" in archive.read_text()
    assert "My name is" not in api.requests[1].conversation


@with_a_model
async def test_a_final_refusal_is_one_readable_line(kind: str, api: FakeModelAPI, tmp_path: Path) -> None:
    async with acting(kind, api, tmp_path, {"retries": 0}) as act:
        api.script(HttpError(401, "invalid x-api-key"))
        said = await act.talk.ask("Do it")
        assert said == "⚠️ The model API does not accept this installation's key."
        assert await act.talk.ask(act.says("again", Say("Better."))) == "Better."

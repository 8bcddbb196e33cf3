"""Tools through a real runner, called by the mock's script: what they do, what they refuse, what asks a person first."""

from __future__ import annotations

from pathlib import Path

from host.ports.bot import Rejected
from host.ports.events import Author, Verdict
from tests.support.calling import SHELL, calling
from tests.support.reading import rows


async def test_the_shell_keeps_its_folder_and_variables_between_calls(tmp_path: Path) -> None:
    async with calling(tmp_path, tools=SHELL) as caller:
        assert await caller.call(("bash", {"command": "mkdir d; cd d; name=dove"})) == "(no output)"
        assert await caller.call(("bash", {"command": "echo $name > f; basename $PWD; false"})) == (
            "d\n(exit status 1)"
        )
        assert (caller.workspace / "d" / "f").read_text() == "dove\n"


async def test_a_broken_command_does_not_break_the_shell(tmp_path: Path) -> None:
    async with calling(tmp_path, tools=SHELL) as caller:
        assert "unexpected EOF" in await caller.call(("bash", {"command": "echo 'open"}))
        assert await caller.call(("bash", {"command": "exit 3"})) == "(exit status 3)"
        assert await caller.call(("bash", {"command": "cat; echo here"})) == "here"


async def test_a_command_that_takes_too_long_is_stopped_with_what_it_said(tmp_path: Path) -> None:
    async with calling(tmp_path, tools=SHELL) as caller:
        said = await caller.call(("bash", {"command": "echo began; sleep 600", "timeout_seconds": 1}))
        assert "stopped after 1 s" in said
        assert "began" in said
        assert await caller.call(("bash", {"command": "echo again"})) == "again"


async def test_long_output_is_cut_and_kept_whole_on_disk(tmp_path: Path) -> None:
    async with calling(tmp_path, tools=SHELL) as caller:
        await caller.call(("bash", {"command": "seq 1 20000"}))
        await caller.bot.until(lambda: len("".join(caller.bot.said("c"))) > 30_000)
        said = "".join(caller.bot.said("c"))
        assert said.startswith("1\n2\n")
        [kept] = (caller.workspace / ".dovecote" / "output").iterdir()
        assert kept.name in said
        assert kept.read_text().endswith("20000\n")


async def test_files_are_made_edited_and_shown_and_stay_in_the_workspace(tmp_path: Path) -> None:
    async with calling(tmp_path, tools=SHELL) as caller:
        said = await caller.call(
            ("create_file", {"path": "notes/a.md", "text": "one\ntwo\ntwo\n"}),
            ("edit_file", {"path": "notes/a.md", "old_text": "two", "new_text": "three"}),
            ("edit_file", {"path": "notes/a.md", "old_text": "one", "new_text": "zero"}),
            ("view_file", {"path": "notes/a.md", "first_line": 1, "last_line": 1}),
            ("view_file", {"path": "../../../host.db"}),
            ("create_file", {"path": "/etc/dovecote", "text": "x"}),
        )
        assert "occurs 2 times, in lines 2, 3" in said
        assert said.count("outside the folder") == 2
        assert (caller.workspace / "notes" / "a.md").read_text() == "zero\ntwo\ntwo\n"


async def test_the_memory_keeps_notes_under_its_own_folder(tmp_path: Path) -> None:
    async with calling(tmp_path) as caller:
        said = await caller.call(
            ("memory", {"command": "view"}),
            ("memory", {"command": "create", "path": "/memories/a.md", "file_text": "likes tea\n"}),
            (
                "memory",
                {"command": "str_replace", "path": "/memories/a.md", "old_str": "tea", "new_str": "coffee"},
            ),
            (
                "memory",
                {"command": "insert", "path": "/memories/a.md", "insert_line": 1, "insert_text": "no milk"},
            ),
            ("memory", {"command": "rename", "old_path": "/memories/a.md", "new_path": "/memories/b/c.md"}),
            ("memory", {"command": "view", "path": "/memories/../x"}),
            ("memory", {"command": "delete", "path": "/memories"}),
        )
        assert said.startswith("(nothing noted yet)")
        assert "outside the folder" in said
        assert "/memories itself stays" in said
        assert (caller.shared / "memories" / "b" / "c.md").read_text() == "likes coffee\nno milk\n"


async def test_a_file_is_sent_as_it_was_when_it_was_sent(tmp_path: Path) -> None:
    async with calling(tmp_path, tools=["send_file", "create_file"]) as caller:
        await caller.bot.say(
            "c",
            '@@call create_file {"path": "r.txt", "text": "first"}\n@@call send_file {"path": "r.txt"}\n'
            '@@call create_file {"path": "r.txt", "text": "second"}\n@@call send_file {"path": "/etc/passwd"}\n@@results',
        )
        await caller.bot.until(lambda: len(caller.bot.said("c")) == 2)
        assert "outside the folder" in caller.bot.said("c")[1]
        [sent] = tmp_path.glob("sessions/*/outbound/files/*/r.txt")
        assert sent.read_text() == "first"


async def test_the_thread_can_be_read_back(tmp_path: Path) -> None:
    async with calling(tmp_path) as caller:
        await caller.call(("memory", {"command": "view"}))
        said = await caller.call(("read_thread", {"count": 10}))
        assert said.count("<message") == 2
        assert 'from="Ada"' in said


async def test_an_agent_has_only_the_tools_that_are_named(tmp_path: Path) -> None:
    async with calling(tmp_path) as caller:
        assert "no tool 'bash'" in await caller.call(("bash", {"command": "id"}))


async def test_a_call_that_needs_approval_runs_once_after_a_yes(tmp_path: Path) -> None:
    async with calling(tmp_path, tools=SHELL, approve=["bash"]) as caller:
        asked = await caller.call(("bash", {"command": "echo ran >> effects; echo done"}))
        assert asked.startswith("May I run `bash`?")
        assert not (caller.workspace / "effects").exists()
        await caller.answer("Allow")
        await caller.bot.until(lambda: len(caller.bot.said("c")) == 2)
        assert caller.bot.said("c")[1] == "done"
        assert (caller.workspace / "effects").read_text() == "ran\n"


async def test_a_call_that_is_refused_does_not_run_and_the_model_is_told(tmp_path: Path) -> None:
    async with calling(tmp_path, tools=SHELL, approve=["b*"]) as caller:
        await caller.call(("bash", {"command": "touch effects"}))
        await caller.answer("Deny")
        await caller.bot.until(lambda: len(caller.bot.said("c")) == 2)
        assert "not run: refused" in caller.bot.said("c")[1]
        assert not (caller.workspace / "effects").exists()


async def test_an_approval_survives_a_restart_of_everything(tmp_path: Path) -> None:
    options = {"tools": SHELL, "approve": ["bash"]}
    async with calling(tmp_path, **options) as caller:
        await caller.call(("bash", {"command": "echo ran >> effects; echo done"}))
        question = caller.bot.sent[-1]
    async with calling(tmp_path, **options) as caller:
        caller.bot.sent.append(question)
        await caller.answer("Allow")
        await caller.bot.until(lambda: len(caller.bot.said("c")) == 2)
        assert caller.bot.said("c")[1] == "done"


async def test_only_listed_people_may_allow_a_call(tmp_path: Path) -> None:
    async with calling(tmp_path, tools=SHELL, approve=["bash"], approvers=["memory:U9"]) as caller:
        await caller.call(("bash", {"command": "echo ran >> effects; echo done"}))
        assert caller.bot.sent[-1].audience == ("U9",)
        stranger = await caller.answer("Allow")
        assert stranger.verdict is Verdict.DECLINED
        assert "Only the people who were asked" in stranger.reason
        assert not (caller.workspace / "effects").exists()
        await caller.answer("Allow", author=Author("U9", "Bea"))
        await caller.bot.until(lambda: len(caller.bot.said("c")) == 2)
        assert caller.bot.said("c")[1] == "done"


async def test_an_approval_that_nobody_gives_in_time_is_a_refusal_whatever_was_alive_meanwhile(
    tmp_path: Path,
) -> None:
    options = {"tools": SHELL, "approve": ["bash"], "approve_within": 1}
    async with calling(tmp_path, **options) as caller:
        await caller.call(("bash", {"command": "touch effects"}))
        question = caller.bot.sent[-1]
    async with calling(tmp_path, **options) as caller:
        await caller.bot.until(lambda: len(caller.bot.said("c")) == 1)
        assert "not run: nobody answered in time" in caller.bot.said("c")[0]
        caller.bot.sent.append(question)
        late = await caller.answer("Allow")
        assert (late.verdict, late.reason) == (Verdict.DECLINED, "This question is no longer open.")
        assert not (caller.workspace / "effects").exists()


async def test_a_question_that_cannot_be_delivered_is_a_failed_call_and_nobody_waits_for_ever(
    tmp_path: Path,
) -> None:
    async with calling(tmp_path) as caller:
        caller.bot.failures["c"].append(Rejected("no such thread"))
        await caller.bot.say("c", "@@ask Which? | red | blue\n@@results")
        await caller.bot.until(lambda: any("could not be asked" in said for said in caller.bot.said("c")))
        assert "could not be asked: no such thread" in caller.bot.said("c")[-1]
        assert [said for said in caller.bot.said("c") if "could not be delivered here" in said]


async def test_an_approval_that_cannot_be_asked_for_is_refused_at_once_and_its_end_never_comes_again(
    tmp_path: Path,
) -> None:
    async with calling(tmp_path, tools=SHELL, approve=["bash"], approve_within=3600) as caller:
        caller.bot.failures["c"].append(Rejected("no such thread"))
        await caller.bot.say("c", '@@call bash {"command": "touch effects"}\n@@results')
        await caller.bot.until(lambda: any("could not be asked" in said for said in caller.bot.said("c")))
        assert "not run: could not be asked: no such thread" in caller.bot.said("c")[-1]
        assert not (caller.workspace / "effects").exists()
        [host] = tmp_path.glob("sessions/*/inbound/inbound.db")
        assert len(rows(host, "SELECT status FROM messages_in WHERE id LIKE '%:end'")) == 1

"""What is told of an agent's notes: each line behind a mark that names it alone, within one message, as it stands there."""

from __future__ import annotations

from pathlib import Path

import pytest

from host.controls import remembering
from host.folders import notes
from host.ports.controls import Forbidden


def listed(root: Path, looked_for: str = "") -> str:
    return remembering._listed(*notes.read(root), looked_for=looked_for)


def test_many_notes_fit_into_one_message_and_all_of_them_can_be_looked_for(tmp_path: Path) -> None:
    for number in range(40):
        text = "".join(f"fact {number}.{line} about doves\n" for line in range(100))
        (tmp_path / f"{number}.md").write_text(text, "utf-8")
    told = listed(tmp_path)
    assert len(told) < 3_000
    assert "And 39" in told
    only = listed(tmp_path, "Fact 39.99 ")
    assert "fact 39.99 about" in only
    assert only.count("about doves") == 1
    assert "Nothing that is noted" in listed(tmp_path, "*ravens*")
    found, _ = notes.read(tmp_path)
    letters = remembering._letters(found)
    for note in found:
        assert remembering._marked(found, note.lines[-1].mark[:letters]) == (note, note.lines[-1])


@pytest.mark.parametrize("mark", ["", "a", "zzzz", "everything", "yes"])
def test_what_is_no_mark_names_nothing(tmp_path: Path, mark: str) -> None:
    (tmp_path / "a.md").write_text("a fact", "utf-8")
    with pytest.raises(Forbidden):
        remembering._marked(notes.read(tmp_path)[0], mark)


def test_a_note_ends_no_block_and_names_of_files_are_no_formatting(tmp_path: Path) -> None:
    (tmp_path / "*a*`b.md").write_text("```\n<!channel> @everyone [x](https://x)\n" + "y" * 999, "utf-8")
    told = listed(tmp_path)
    assert "`*a*'b.md`" in told
    assert told.count("```") == 2
    assert "<!channel> @everyone" in told.split("```")[1]
    assert "…" in told.split("```")[1]


def test_all_that_is_listed_of_a_short_note_is_there(tmp_path: Path) -> None:
    assert "Nothing is noted" in listed(tmp_path)
    (tmp_path / "a.md").write_text("one\n\ntwo\n", "utf-8")
    lines = listed(tmp_path).split("```")[1].strip().splitlines()
    assert [line.split(maxsplit=1)[1] for line in lines] == ["one", "two"]

"""An agent's notes are read and changed line by line, and nothing outside of their folder is, whatever lies in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from host.folders import notes
from host.folders.notes import Line, Note

NOT_OPENED = (OSError, ValueError)  # whatever the system calls it
TEAM = "# Team\n\n- Ada leads\n- Ada leads\n- Grüße, 鳩\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "memories"
    (made / "deep").mkdir(parents=True)
    (made / "team.md").write_text(TEAM, "utf-8")
    (made / "deep" / "own notes.txt").write_text("one line", "utf-8")
    (tmp_path / "secret.txt").write_text("nobody's business", "utf-8")
    return made


def found(root: Path, text: str, which: int = 0) -> tuple[Note, Line]:
    every = [(note, line) for note in notes.read(root)[0] for line in note.lines if line.text == text]
    return every[which]


def test_every_line_that_says_something_has_a_mark_of_its_own(root: Path) -> None:
    read, more = notes.read(root)
    assert [note.path for note in read] == ["deep/own notes.txt", "team.md"]
    assert [line.text for line in read[1].lines] == ["# Team", "- Ada leads", "- Ada leads", "- Grüße, 鳩"]
    marks = [note.mark for note in read] + [line.mark for note in read for line in note.lines]
    assert len(set(marks)) == len(marks)
    assert not more
    assert notes.read(root.parent / "none") == ([], False)


def test_one_line_is_corrected_and_the_others_stay_as_they_are(root: Path) -> None:
    (root / "team.md").chmod(0o640)
    notes.correct(root, *found(root, "- Ada leads", 1), "- Bob helps")
    assert (root / "team.md").read_text("utf-8") == "# Team\n\n- Ada leads\n- Bob helps\n- Grüße, 鳩\n"
    assert (root / "team.md").stat().st_mode & 0o777 == 0o640
    assert [note.path for note in notes.read(root)[0]] == ["deep/own notes.txt", "team.md"]


def test_a_file_goes_with_its_last_line(root: Path) -> None:
    notes.take_line(root, *found(root, "- Ada leads"))
    assert (root / "team.md").read_text("utf-8") == "# Team\n\n- Ada leads\n- Grüße, 鳩\n"
    notes.take_line(root, *found(root, "one line"))
    assert [note.path for note in notes.read(root)[0]] == ["team.md"]
    notes.take(root, notes.read(root)[0][0])
    assert notes.read(root) == ([], False)


def test_what_was_changed_since_it_was_read_stays(root: Path) -> None:
    note, line = found(root, "- Ada leads")
    (root / "team.md").write_text("new\n" + TEAM, "utf-8")
    with pytest.raises(notes.Changed):
        notes.take_line(root, note, line)
    (root / "team.md").unlink()
    with pytest.raises(FileNotFoundError):
        notes.correct(root, note, line, "x")


def test_what_is_no_text_of_a_usual_size_is_named_and_can_be_taken_away(root: Path) -> None:
    (root / "picture.png").write_bytes(b"\x89PNG\0")
    (root / "long.md").write_text("x\n" * notes.LARGEST, "utf-8")
    odd = [note for note in notes.read(root)[0] if not note.is_text]
    assert [(note.path, note.lines) for note in odd] == [("long.md", ()), ("picture.png", ())]
    for note in odd:
        notes.take(root, note)
    assert len(notes.read(root)[0]) == 2


def test_nothing_outside_of_the_folder_is_read_or_changed(root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    (root / "link.md").symlink_to(secret)
    (root / "up").symlink_to(tmp_path)
    os.mkfifo(root / "fifo")
    assert [note.path for note in notes.read(root)[0]] == ["deep/own notes.txt", "team.md"]
    note, line = found(root, "- Ada leads")
    (root / "team.md").unlink()
    (root / "team.md").symlink_to(secret)
    with pytest.raises(NOT_OPENED):
        notes.correct(root, note, line, "x")
    with pytest.raises(NOT_OPENED):
        notes.take_line(root, note, line)
    notes.take_all(root)
    assert secret.read_text("utf-8") == "nobody's business"
    assert not root.exists()
    root.symlink_to(tmp_path)
    assert notes.read(root) == ([], False)
    with pytest.raises(NOT_OPENED):
        notes.take_all(root)
    assert secret.exists()

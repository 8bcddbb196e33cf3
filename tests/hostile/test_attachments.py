"""Files leave a session only from inside its folder, whatever is put in their way."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import pytest

from host.folders import attachments
from host.folders.attachments import AttachmentError
from tests.support.redteam import Seat, attack, honest, walled

pytestmark = attack(Seat.CONTAINER, 8)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "report").write_text("secret")
    folder = tmp_path / "files"
    (folder / "m1").mkdir(parents=True)
    (folder / "m1" / "report").write_text("report")
    return folder


@honest
def test_a_file_of_the_session_is_read(files: Path) -> None:
    assert attachments.read(files, "m1/report") == b"report"


DEEP = "a/" * 30 + "b"


@walled
@pytest.mark.parametrize(
    "path", ["", ".", "../secret", "m1/../../secret", "/etc/passwd", "m1/\0", DEEP], ids=repr
)
def test_a_path_that_leads_out_or_nowhere_is_refused(
    files: Path, monkeypatch: pytest.MonkeyPatch, path: str, standing: bool
) -> None:
    """Taken as it is said it is opened, or breaks whoever opens it."""
    (files / DEEP).parent.mkdir(parents=True)
    (files / DEEP).write_text("deep")
    if not standing:
        monkeypatch.setattr(attachments, "_parts", lambda said: PurePosixPath(said).parts)
    assert (_outcome(files, path) == b"refused") is standing


@honest
@pytest.mark.parametrize("path", ["..", "m1", "missing"])
def test_what_is_no_file_or_not_there_is_refused_in_words(files: Path, path: str) -> None:
    with pytest.raises(AttachmentError):
        attachments.read(files, path)


@walled
@pytest.mark.parametrize(
    "make",
    [
        lambda p: p.symlink_to("../../secret"),
        lambda p: p.symlink_to("/dev/zero"),
        lambda p: os.mkfifo(p),
        lambda p: p.mkdir(),
    ],
    ids=["symlink", "device", "fifo", "folder"],
)
def test_what_is_no_regular_file_is_refused(
    files: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[Path], object], standing: bool
) -> None:
    """The naive look opens whatever it is: a file of the host, bytes without an end, a pipe, a folder that breaks it."""
    make(files / "m1" / "x")
    if not standing:
        _follow_unless(standing, monkeypatch, "_FILE")
        monkeypatch.setattr(attachments, "stat", SimpleNamespace(S_ISREG=bool))
    try:
        with attachments.opened(files, "m1/x") as file:
            file.read(10)
        got_in = True
    except AttachmentError:
        got_in = False
    except IsADirectoryError:
        got_in = True
    assert got_in is not standing


@walled
@pytest.mark.parametrize(("flags", "path"), [("_FOLDER", "m2/report"), ("_FILE", "m1/link")])
def test_a_symlink_on_the_way_or_at_its_end_is_not_followed(
    files: Path, monkeypatch: pytest.MonkeyPatch, flags: str, path: str, standing: bool
) -> None:
    _follow_unless(standing, monkeypatch, flags)
    (files / "m2").symlink_to("../outside")
    (files / "m1" / "link").symlink_to("../../secret")
    assert (_outcome(files, path) == b"secret") is not standing


@walled
def test_the_files_folder_itself_may_not_be_a_symlink(
    files: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    _follow_unless(standing, monkeypatch, "_FOLDER")
    files.rename(files.with_name("moved"))
    files.symlink_to("outside")
    assert (_outcome(files, "report") == b"secret") is not standing


def _follow_unless(standing: bool, monkeypatch: pytest.MonkeyPatch, flags: str) -> None:
    if not standing:
        monkeypatch.setattr(attachments, flags, getattr(attachments, flags) & ~os.O_NOFOLLOW)


@walled
def test_a_file_beyond_the_limit_is_refused_without_being_read(files: Path, standing: bool) -> None:
    with (files / "big").open("wb") as big:
        big.truncate(10**12)
    refused = pytest.raises(AttachmentError, match="bytes") if standing else nullcontext()
    with refused, attachments.opened(files, "big", largest=attachments.LARGEST if standing else 10**12):
        pass


@walled
def test_a_folder_swapped_for_a_symlink_in_the_middle_never_leads_out(
    files: Path, monkeypatch: pytest.MonkeyPatch, standing: bool
) -> None:
    """A thread of the enemy swaps the folder for a symlink to the outside as fast as it can."""
    _follow_unless(standing, monkeypatch, "_FOLDER")
    done = threading.Event()
    (files / "link").symlink_to("../outside")

    def swap() -> None:
        while not done.is_set():
            (files / "m1").rename(files / "kept")
            (files / "link").rename(files / "m1")
            (files / "m1").rename(files / "link")
            (files / "kept").rename(files / "m1")

    enemy = threading.Thread(target=swap)
    enemy.start()
    try:
        outcomes = _outcomes(files, 3_000 if standing else 1_000_000)
    finally:
        done.set()
        enemy.join()
    assert (outcomes <= {b"report", b"refused"}) is standing


def _outcomes(files: Path, most: int) -> set[bytes]:
    """Until it led out, or as often as that."""
    outcomes: set[bytes] = set()
    for _ in range(most):
        outcomes.add(_outcome(files))
        if b"secret" in outcomes:
            break
    return outcomes


def _outcome(files: Path, path: str = "m1/report") -> bytes:
    try:
        return attachments.read(files, path)
    except AttachmentError:
        return b"refused"
    except (ValueError, IndexError):
        return b"broken"

"""What is sealed is read with the same key and with no other; the key lies where only the host's user looks."""

from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from host.config.environment import SEAL_KEY
from host.folders import seal
from host.folders.seal import Seal, SealError

KEY = "a key that somebody chose"


def test_what_is_sealed_is_opened_by_who_has_the_key_and_shows_nothing(tmp_path: Path) -> None:
    sealed = Seal(tmp_path, {}).seal("words")
    assert b"words" not in sealed
    assert Seal(tmp_path, {}).open(sealed) == "words"
    file = tmp_path / seal.FILE
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes() not in sealed
    assert Seal(tmp_path, {}).seal("words") != sealed
    assert [path.name for path in tmp_path.iterdir()] == [seal.FILE]


def test_a_key_of_the_environment_leaves_no_file(tmp_path: Path) -> None:
    with_key = Seal(tmp_path, {SEAL_KEY: KEY})
    assert with_key.open(with_key.seal("words")) == "words"
    assert list(tmp_path.iterdir()) == []


def test_another_key_opens_nothing_and_says_what_to_do(tmp_path: Path) -> None:
    sealed = Seal(tmp_path, {SEAL_KEY: KEY}).seal("words")
    with pytest.raises(SealError, match=r"seal\.key: No such file.*sign in again"):
        Seal(tmp_path, {}).open(sealed)
    Seal(tmp_path, {}).seal("other")
    with pytest.raises(SealError, match=r"cannot be opened with the key of .*seal\.key; sign in again"):
        Seal(tmp_path, {}).open(sealed)
    with pytest.raises(SealError, match="cannot be opened"):
        Seal(tmp_path, {SEAL_KEY: KEY}).open(b"damaged")


def test_a_key_that_anybody_guesses_or_reads_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SealError, match="fewer than 16 characters"):
        Seal(tmp_path, {SEAL_KEY: "short"}).seal("words")
    Seal(tmp_path, {}).seal("words")
    (tmp_path / seal.FILE).chmod(0o644)
    with pytest.raises(SealError, match="can be read by others"):
        Seal(tmp_path, {}).seal("words")
    (tmp_path / seal.FILE).unlink()
    (tmp_path / seal.FILE).touch(0o600)
    with pytest.raises(SealError, match="holds no key"):
        Seal(tmp_path, {}).seal("words")


def test_a_link_in_the_place_of_the_key_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("0123456789abcdef")
    (tmp_path / seal.FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SealError):
        Seal(tmp_path, {}).seal("words")


def test_a_folder_that_takes_no_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SealError, match="No such file"):
        Seal(tmp_path / "gone", {}).seal("words")


def test_those_who_make_the_key_at_the_same_time_have_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        sealed = list(threads.map(lambda number: Seal(tmp_path, {}).seal(str(number)), range(8)))
    assert [Seal(tmp_path, {}).open(one) for one in sealed] == [str(number) for number in range(8)]
    assert [path.name for path in tmp_path.iterdir()] == [seal.FILE]


def test_former_keys_open_and_the_key_of_today_seals(tmp_path: Path) -> None:
    first = Seal(tmp_path, {SEAL_KEY: KEY}).seal("words")
    second = Seal(tmp_path, {SEAL_KEY: "the key of the second year"}).seal("words")
    environment = {SEAL_KEY: "the key of the third year!", seal.FORMER: KEY}
    now = Seal(tmp_path, environment)
    assert now.open(first) == "words"
    with pytest.raises(SealError, match="cannot be opened"):
        now.open(second)
    with pytest.raises(SealError, match="cannot be opened"):
        Seal(tmp_path, {SEAL_KEY: KEY}).open(now.seal("words"))


def test_what_a_former_key_sealed_is_sealed_anew_once(tmp_path: Path) -> None:
    keys = ["0123456789abcdef-first", "0123456789abcdef-second"]
    old = [Seal(tmp_path, {SEAL_KEY: key}).seal(key) for key in keys]
    with_former = Seal(tmp_path, {SEAL_KEY: KEY, seal.FORMER: " ".join(keys)})
    fresh = [with_former.renewed(one) for one in old]
    without = Seal(tmp_path, {SEAL_KEY: KEY})
    assert [without.open(one) for one in fresh if one is not None] == keys
    assert [with_former.renewed(one) for one in fresh if one is not None] == [None, None]
    assert with_former.renewed(b"damaged") is None
    assert without.renewed(old[0]) is None

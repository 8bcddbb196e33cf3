"""What a task may wait for in a channel, as people say it, and what fits."""

from __future__ import annotations

from pathlib import Path

import pytest

from host.config import awaited, emoji
from host.config.recurrence import ScheduleError


@pytest.mark.parametrize("written", [":ticket:", "ticket", "🎫", " :TICKET: "])
def test_an_emoji_is_the_same_by_its_name_and_by_its_sign(written: str) -> None:
    assert awaited.asked_reaction(written) == "🎫"
    assert awaited.fits("reaction", "🎫", reacted=written, said="", files=())


def test_an_emoji_fits_in_any_skin_and_a_teams_own_by_its_name() -> None:
    thumb = awaited.asked_reaction("👍🏽")
    for reacted in ("👍", ":+1::skin-tone-4:", "thumbsup", "👍🏿"):
        assert awaited.fits("reaction", thumb, reacted=reacted, said="", files=())
    own = awaited.asked_reaction(":deploy-it:")
    assert awaited.fits("reaction", own, reacted=":deploy-it:", said="", files=())
    assert not awaited.fits("reaction", own, reacted="took back :deploy-it:", said="", files=())
    assert not awaited.fits("reaction", thumb, reacted="👍 (taken back)", said="", files=())


@pytest.mark.parametrize(
    ("slack", "discord"),
    [
        ("large_green_circle", "🟢"),
        ("octagonal_sign", "🛑"),
        ("flag-de", "🇩🇪"),
        ("flag-england", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"),
        ("shrug", "🤷"),
        ("saluting_face", "🫡"),
        ("woman-raising-hand::skin-tone-3", "🙋🏼‍♀️"),
        ("people_holding_hands::skin-tone-2-5", "🧑🏻‍🤝‍🧑🏾"),
        ("beetle", "🪲"),
        ("ladybug", "🐞"),
        ("heart", "❤️"),
        ("thumbs_up", "👍"),  # as others call it
    ],
)
def test_a_reaction_begins_a_task_by_either_platforms_way_to_tell_it(slack: str, discord: str) -> None:
    for asked in (slack, discord, f":{slack}:"):
        wanted = awaited.asked_reaction(asked)
        for reacted in (discord, f":{slack}:"):
            assert awaited.fits("reaction", wanted, reacted=reacted, said="", files=())
    assert awaited.fits(
        "reaction", slack, reacted=discord, said="", files=()
    )  # kept by a version that did not know it


@pytest.mark.parametrize(
    ("given", "name"),
    [
        (":eyes:", "eyes"),
        ("👍", "+1"),
        ("👍🏽", "+1::skin-tone-4"),
        ("thumbsup", "thumbsup"),
        ("thumbs_up", "+1"),
        ("wave::skin-tone-2", "wave::skin-tone-2"),
        ("🟢", "large_green_circle"),
        ("deploy-it", "deploy-it"),
    ],
)
def test_slack_is_told_an_emoji_by_a_name_of_its_own(given: str, name: str) -> None:
    assert emoji.short_name(given) == name


@pytest.mark.parametrize(
    ("written", "name", "fits"),
    [
        ("pdf", "Report.PDF", True),
        ("*.pdf, .csv", "a.b.csv", True),
        ("pdf, csv,", "a.csv", True),
        (", pdf;;csv", "a.csv", True),
        ("pdf", "pdf", False),
        ("pdf", "report.pdf.exe", False),
        ("*", "whatever", True),
    ],
)
def test_a_file_is_told_by_how_its_name_ends(written: str, name: str, fits: bool) -> None:
    assert awaited.fits("file", awaited.endings(written), reacted="", said="", files=[name]) == fits
    assert not awaited.fits("file", awaited.endings(written), reacted="", said="pdf", files=())


@pytest.mark.parametrize(
    ("written", "said", "fits"),
    [
        ("deploy failed", "The DEPLOY\n  failed!", True),
        ("deploy failed", "deploy has failed", False),
        ("fail", "it failed", False),
        ("fail*", "it failed", True),
        ("down|", "it is down", True),
        ("down|rollback*", "we are rolling back; rollbacks everywhere", True),
        ("straße", "STRASSE gesperrt", True),
        ("障害", "本番で障害が発生", True),
        ("ﬁre", "fire!", True),
        ("a*", "...", False),
        ("กิน", "กัน", False),
        ("กิน", "ไปกินข้าว", True),
        ("की", "का", False),
        ("C++", "vitamin c", False),
        ("C++", "we use c++, and it hurts", True),
        ("فشل", "فَشَل النشر", True),
        ("urgent", "#urgent!", True),
    ],
)
def test_words_are_whole_ones_however_they_are_written(written: str, said: str, fits: bool) -> None:
    assert awaited.fits("words", awaited.phrases(written), reacted="", said=said, files=()) == fits


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (awaited.asked_reaction, ""),
        (awaited.asked_reaction, "two words"),
        (awaited.endings, ""),
        (awaited.endings, "p d!f"),
        (awaited.phrases, "a||b"),
        (awaited.phrases, "*"),
        (awaited.phrases, "x" * 100),
        (awaited.phrases, "|".join("abcdefghijkl")),
    ],
)
def test_what_cannot_be_waited_for_is_refused_in_words(reader: object, text: str) -> None:
    with pytest.raises(ScheduleError):
        reader(text)  # type: ignore[operator]


def test_no_text_takes_longer_than_its_length() -> None:
    what = awaited.phrases("|".join(["a " * 39 + "b"] * 10))
    assert not awaited.fits("words", what, reacted="", said="a " * 1_000_000, files=())


def test_names_and_signs_of_all_kinds_are_the_same_reaction() -> None:
    """What a team's tasks wait for stays what it was, whatever a newer table says."""
    for line in Path(__file__).with_name("emoji.txt").read_text("utf-8").splitlines():
        name, shown = line.split(" | ")
        assert (emoji.sign(name), emoji.short_name(shown)) == (shown, name)
        assert {awaited.reaction(each) for each in (name, f":{name}:", shown, f":{name}::skin-tone-3:")} == {
            shown
        }

"""A sentence is English as a string, and told in other languages with its values; what it is made of can be kept."""

from __future__ import annotations

import copy
import gettext
import io
import json
import pickle

import pytest

from host.words import (
    ENGLISH,
    Sentence,
    as_it_is,
    clauses,
    dollars,
    joined,
    known,
    laid_out,
    languages,
    many,
    moment,
    say,
    spoken,
    told,
)
from host.words.catalogues import compiled, fitting, parsed

STOPPING = say("Stopping.")
LOST = say("⚠️ A part of my answer could not be delivered here ({id}).", id="a1b2c3")


def test_a_sentence_is_english_wherever_nobody_is_told_it() -> None:
    assert (str(LOST), f"{LOST}", LOST.told(ENGLISH)) == (LOST,) * 3
    assert LOST == "⚠️ A part of my answer could not be delivered here (a1b2c3)."


def test_it_is_told_with_its_values_in_the_language_of_a_catalogue() -> None:
    assert LOST.told("de") == "⚠️ Ein Teil meiner Antwort konnte hier nicht zugestellt werden (a1b2c3)."
    assert LOST.told("ja") == "⚠️ 回答の一部をここに届けられませんでした（a1b2c3）。"
    assert LOST.told("fi") == LOST


def test_what_stands_in_it_is_told_too_and_what_people_wrote_is_not() -> None:
    assert laid_out("{a}: {b}", a=STOPPING, b="Stopping.").told("es") == "Deteniendo.: Stopping."
    assert (
        joined("\n", [STOPPING, as_it_is("Monday"), known("Monday")]).told("zh") == "正在停止。\nMonday\n周一"
    )
    assert known("what nobody has translated {yet}").told("de") == "what nobody has translated {yet}"
    assert clauses(["a", "b"]).told("ja") == "a、b"


def test_plurals_are_those_of_the_language() -> None:
    rest = [many("-# and {count} more", "-# and {count} more", count) for count in (1, 3)]
    assert [one.told("de") for one in rest] == ["-# und 1 weitere", "-# und 3 weitere"]
    assert rest[1].told("ja") == "-# ほか3件"


def test_money_and_times_are_written_in_the_way_of_the_language() -> None:
    assert [dollars(1_234_500_000).told(name) for name in ("en", "de", "ja")] == [
        "$1,234.50",
        "1.234,50 $",
        "$1,234.50",
    ]
    at = moment(1_795_766_400_000, "Europe/Berlin")
    assert at == "Friday 27 November 2026, 09:00 Europe/Berlin"
    assert at.told("de") == "Freitag, 27. November 2026, 09:00 Uhr (Europe/Berlin)"
    assert at.told("ja") == "2026年11月27日(金) 09:00（Europe/Berlin）"
    twice = moment(1_792_888_200_000, "Europe/Berlin")
    assert twice == "Sunday 25 October 2026, 02:30 Europe/Berlin (UTC+0200)"
    assert twice.told("es") == "domingo, 25 de octubre de 2026, 02:30 (Europe/Berlin) (UTC+0200)"


def test_what_it_is_made_of_can_be_kept_copied_and_handed_to_another_process() -> None:
    whole = laid_out("{a}\n{b}", a=LOST, b=many("- and {count} more", "- and {count} more", 2))
    for again in (
        Sentence.unpacked(json.loads(json.dumps(whole.packed()))),
        copy.deepcopy(whole),
        pickle.loads(pickle.dumps(whole)),
    ):
        assert (again, again.told("de")) == (whole, whole.told("de"))


def test_everything_in_what_a_platform_is_handed_is_told() -> None:
    card = {"blocks": [{"text": STOPPING, "value": "Stopping."}], "more": (STOPPING, 3, None)}
    assert told(card, "de") == {
        "blocks": [{"text": "Wird angehalten.", "value": "Stopping."}],
        "more": ("Wird angehalten.", 3, None),
    }


def test_the_language_of_a_platforms_locale_is_known_by_its_first_part() -> None:
    assert [spoken(locale) for locale in ("de-DE", "es-419", "zh_TW", "ja", "fi-FI", "")] == [
        "de",
        "es",
        "zh",
        "ja",
        "",
        "",
    ]
    assert languages()[0] == ENGLISH


def test_a_translation_that_does_not_fit_counts_as_missing() -> None:
    found = parsed(
        'msgid "a {one}"\nmsgstr "b {two}"\n\nmsgid "c"\nmsgstr ""\n"d"\n"{e"\n\nmsgid "f"\nmsgstr "g"\n'
    )
    assert dict(fitting(found)) == {"f": "g"}


def test_a_catalogue_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="line 2"):
        parsed('msgid "a"\nmsgstr b\n')


def test_what_is_compiled_is_read_by_the_standard_library() -> None:
    found = gettext.GNUTranslations(
        io.BytesIO(compiled({"": "Content-Type: text/plain; charset=UTF-8\n", "a": "ä"}))
    )
    assert (found.gettext("a"), found.gettext("b")) == ("ä", "b")

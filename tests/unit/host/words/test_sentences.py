"""A sentence is English as a string, and told in other languages with its values; what it is made of can be kept."""

from __future__ import annotations

import copy
import gettext
import io
import json
import pickle

import pytest

from host.config.recurrence import Schedule
from host.words import (
    ENGLISH,
    Sentence,
    as_it_is,
    clauses,
    dollars,
    explained,
    joined,
    known,
    laid_out,
    languages,
    length,
    listed,
    many,
    moment,
    reread,
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


def test_lists_lengths_and_colons_are_written_in_the_way_of_the_language() -> None:
    names = listed([as_it_is("Ada"), as_it_is("Bob"), as_it_is("Eve")])
    assert [names.told(name) for name in ("en", "de", "es", "ja", "zh")] == [
        "Ada, Bob and Eve",
        "Ada, Bob und Eve",
        "Ada, Bob y Eve",
        "Ada、Bob、Eve",
        "Ada，Bob和Eve",
    ]
    assert listed(["Ada"]) == "Ada"
    assert [length(ms).told("de") for ms in (500, 1_000, 1_500, 60_000)] == [
        "0,5 Sekunden",
        "1 Sekunde",
        "1,5 Sekunden",
        "1 Minute",
    ]
    assert [explained(STOPPING, "a").told(name) for name in ("en", "zh")] == ["Stopping.: a", "正在停止。：a"]
    at = moment(1_792_888_200_000, "Europe/Berlin")
    assert reread(str(at)).told("de") == "Sonntag, 25. Oktober 2026, 02:30 Uhr Europe/Berlin (UTC+0200)"


@pytest.mark.parametrize(
    ("cron", "german"),
    [
        ("* * * * *", "jede Minute"),
        ("*/1 * * * *", "jede Minute"),
        ("*/15 * * * *", "alle 15 Minuten"),
        ("*/30 * * * 1-5", "alle 30 Minuten, Montag bis Freitag"),
        ("5 * * * *", "stündlich zur Minute 5"),
        ("0 */2 * * *", "alle 2 Stunden zur Minute 0"),
        ("0 9-17 * * mon-fri", "stündlich von 09:00 bis 17:00, Montag bis Freitag"),
        ("0 9 * * *", "täglich um 09:00 Uhr"),
        ("0 9,17 * * *", "täglich um 09:00 und 17:00 Uhr"),
        ("0,30 9 * * 1-5", "montags bis freitags um 09:00 und 09:30 Uhr"),
        ("0 9 * * 1,3,5", "immer Montag, Mittwoch und Freitag um 09:00 Uhr"),
        ("0 9 * * 0,6", "immer Sonntag und Samstag um 09:00 Uhr"),
        ("0 9 * * MON", "jeden Montag um 09:00 Uhr"),
        ("0 9 * * 1#1", "am ersten Montag jedes Monats um 09:00 Uhr"),
        ("0 9 * * 5L", "am letzten Freitag jedes Monats um 09:00 Uhr"),
        ("0 9 1 * *", "am 1. jedes Monats um 09:00 Uhr"),
        ("0 9 1,15 * *", "an den Tagen 1 und 15 jedes Monats um 09:00 Uhr"),
        ("0 9 L * *", "am letzten Tag jedes Monats um 09:00 Uhr"),
        ("0 9 LW * *", "am letzten Werktag (Montag bis Freitag) jedes Monats um 09:00 Uhr"),
        ("0 9 24 12 *", "jedes Jahr am 24. Dezember um 09:00 Uhr"),
    ],
)
def test_a_recurrence_is_told_in_words_where_there_are_some(cron: str, german: str) -> None:
    assert Schedule("Europe/Berlin", cron=cron).in_words().told("de") == f"{german} (Europe/Berlin)"


def test_a_recurrence_without_words_is_cited() -> None:
    for cron in ("*/7 * * * *", "0 9 13 * 5", "0 9 * 1-3 1", "0 0-23/2 * * *", "1-40 9 * * *"):
        assert f"`{cron}`" in Schedule("UTC", cron=cron).in_words().told("de")


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

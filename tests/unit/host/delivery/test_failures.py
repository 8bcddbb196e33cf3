"""A runner's failures are told in the language of the place; the host knows each of its sentences."""

from __future__ import annotations

from host.delivery.failures import SAID, retold
from runner import turn
from runner.outbound import Emitted
from runner.providers import failures
from runner.tools.caps import Caps
from sessiondb import content


def test_every_sentence_of_a_failure_is_known_to_the_host() -> None:
    refusals = [
        failures.refused(status, "", "why") for status in (400, 401, 402, 403, 404, 413, 429, 500, 529)
    ]
    others = [failures.connection_lost(), failures.declined()]
    assert {error.text.partition(": ")[0] for error in (*refusals, *others)} <= SAID


def test_a_failure_is_told_and_the_apis_own_words_stay() -> None:
    said = content.Text("⚠️ The model API did not accept the request: no such beta")
    assert retold(said, "de") == content.Text(
        "⚠️ Die Modell-API hat die Anfrage nicht angenommen: no such beta"
    )
    assert retold(said, "en") is said
    for text in ("⚠️ Something of the agent's", "The model is overloaded right now."):
        assert retold(content.Text(text), "de") == content.Text(text)


def test_the_lines_above_and_below_an_answer_are_told_and_the_answer_stays() -> None:
    late = "*Later than I promised: due Friday 27 November 2026, 09:00 Europe/Berlin, to begin by 09:01; I began at 09:05.*"
    missed = f"*Missed earlier, made up for now: {'; '.join(['Friday 27 November 2026, 09:00', '… 7 more …', 'x'])}.*"
    note = (
        "⚠️ *I reached the most for one turn, 2 tool calls and 1 message. What was beyond is not done."
        " Tell me to go on if it is needed.*"
    )
    trial = "🧪 *A trial of “x”: you alone read it, and it counts as no run.*"
    told = {
        f"{late}\n\nDone.": "*Später als versprochen: fällig Freitag, 27. November 2026, 09:00 Uhr Europe/Berlin,"
        " Beginn bis 09:01; begonnen habe ich um 09:05.*\n\nDone.",
        f"{missed}\n\nDone.": "*Zuvor verpasst, jetzt nachgeholt: Freitag, 27. November 2026, 09:00 Uhr;"
        " … 7 weitere …; x.*\n\nDone.",
        f"Done.\n\n{note}": "Done.\n\n⚠️ *Ich habe das Meiste für einen Zug erreicht, 2 Werkzeugaufrufe und 1 Nachricht."
        " Was darüber hinausging, ist nicht getan. Sag mir, dass ich weitermachen soll, wenn es nötig ist.*",
        f"{trial}\n\n⚠️ The connection to the model was lost.": "🧪 *Eine Probe von „x“: nur du liest sie, und sie zählt nicht"
        " als Lauf.*\n\n⚠️ Die Verbindung zum Modell ging verloren.",
    }
    for english, german in told.items():
        assert retold(content.Text(english), "de") == content.Text(german)
        assert retold(content.Text(english), "en") == content.Text(english)


def test_what_a_runner_puts_around_answers_is_what_the_host_knows() -> None:
    did = turn.tried_before("sent 2 messages")
    caps = Caps(0, 0)
    caps.call()
    caps.post([Emitted("a", content.Text("x"), "")])
    for text in (f"{did}Done.", f"Done.\n\n{caps.note}"):
        assert retold(content.Text(text), "de") != content.Text(text)

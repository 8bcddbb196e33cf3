"""A runner's failures are told in the language of the place; the host knows each of its sentences."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from host.delivery.failures import DID, OUTGROWN, SAID, UNHEARD, WHOLE, retold
from runner import doings, hearing, obeying, turn
from runner.outbound import Emitted
from runner.providers import claude, failures, leftout
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


def test_what_a_stopped_turn_had_done_is_told() -> None:
    told = {
        "Stopped.": "Angehalten.",
        "Stopped. I had run a command (2 times), used `github/search` and sent a message.": "Angehalten. Ich hatte einen Befehl"
        " ausgeführt (2-mal), `github/search` benutzt und eine Nachricht geschickt.",
        "Stopped. I had sent a file. A command and `x` was still running; how far it got is not known.": "Angehalten."
        " Ich hatte eine Datei geschickt. Mittendrin unterbrochen: Ein Befehl und `x`; wie weit das kam, ist nicht bekannt.",
        "Stopped. A command was still running; how far it got is not known.": "Angehalten. Mittendrin unterbrochen: Ein Befehl;"
        " wie weit das kam, ist nicht bekannt.",
        "Stopped working there in May.": "Stopped working there in May.",
        "*Another try. At the first I had run a command; none of that was done again.*\n\nDone.": "*Ein neuer Versuch. Beim"
        " ersten hatte ich: einen Befehl ausgeführt; nichts davon wurde noch einmal getan.*\n\nDone.",
    }
    for english, german in told.items():
        assert retold(content.Text(english), "de") == content.Text(german)


def test_who_stood_in_and_what_was_left_out_is_told() -> None:
    left = [leftout.Left(str(number), f"a{number}.png") for number in range(9)]
    text = "Done." + leftout.words(left) + failures.stood_in("opus", "haiku")
    found = retold(content.Text(text), "de")
    assert isinstance(found, content.Text)
    done, names, model = found.text.split("\n\n")
    assert (done, model) == ("Done.", "(Beantwortet von haiku: opus ist gerade nicht erreichbar.)")
    assert names.startswith("_Weggelassen, weil das Modell es nicht annahm: a0.png, ")
    assert "weitere" in names
    elsewhere = retold(content.Text("Done." + failures.stood_in("opus", "opus")), "zh")
    assert elsewhere == content.Text("Done.\n\n（由另一地址的 opus 回答：其原地址目前不可用。）")


@pytest.mark.parametrize(
    "text",
    [
        "⚠️ I stopped after 40 steps.",
        "⚠️ I stopped: this took more steps than I may take.",
        "⚠️ The model API answered with status 418: a teapot",
        f"⚠️ {OUTGROWN}",
        f"⚠️ As far as I got.\n\n{OUTGROWN}",
        *sorted(WHOLE),
    ],
)
def test_no_line_of_a_runners_own_stays_english(text: str) -> None:
    for language in ("de", "es", "ja", "zh"):
        assert retold(content.Text(text), language) != content.Text(text)


def test_an_agent_that_writes_such_lines_without_end_costs_nothing() -> None:
    line = "(Answered by a: b is away right now.)\n\n"
    front = "*Missed earlier, made up for now: x.*\n\n"
    found = retold(content.Text(front * 20_000 + line * 20_000), "de")
    assert isinstance(found, content.Text)
    assert found.text.count("is away") > 19_000


def test_the_host_knows_all_that_a_runner_has_words_for() -> None:
    assert {done for done, _ in doings._WORDS.values()} == DID
    sources = [Path(str(module.__file__)) for module in (claude, hearing, obeying)]
    sources.append(
        sources[0].with_name("claude_code.py")
    )  # an extra's, which need not be here: it is read alone
    said = {one for source in sources for one in _literals(source)}
    assert said >= (WHOLE | UNHEARD | {OUTGROWN}) - {
        "Its script found nothing to do: nobody would be told anything."
    }
    assert hearing.DEAF in UNHEARD


def _literals(path: Path) -> set[str]:
    tree = ast.walk(ast.parse(path.read_text("utf-8")))
    return {node.value for node in tree if isinstance(node, ast.Constant) and isinstance(node.value, str)}

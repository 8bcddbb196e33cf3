"""A runner's failures are told in the language of the place; the host knows each of its sentences."""

from __future__ import annotations

from host.delivery.failures import SAID, retold
from runner.providers import failures
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

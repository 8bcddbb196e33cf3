"""Sentences of the host: a string in English, which knows what it was made of and can be told in another language.

The English words stand wherever nobody is told anything: in logs, keys, audit, on the command line.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar, cast

from host.words.catalogues import ENGLISH, catalogue

Value: TypeAlias = (
    "str | int | float"  # a `Sentence` is told with the one it stands in, another string as it is
)
T = TypeVar("T")
FIGURES: dict[str, Callable[[Mapping[str, Any], str], str]] = {}  # how each is told; `times` fills it

SAY, MANY, LAY, JOIN, KNOWN, FIGURE, PLAIN = "say", "many", "lay", "join", "known", "figure", "plain"


class Sentence(str):
    __slots__ = ("how", "template", "values")
    how: str
    template: str
    values: Mapping[str, Value]

    def __new__(cls, how: str, template: str, values: Mapping[str, Value]) -> Sentence:
        made = super().__new__(cls, _told(how, template, values, ENGLISH))
        made.how, made.template, made.values = how, template, values
        return made

    def told(self, language: str) -> str:
        return str(self) if language == ENGLISH else _told(self.how, self.template, self.values, language)

    def packed(self) -> list[Any]:
        """As JSON has it."""
        values = {
            name: value.packed() if isinstance(value, Sentence) else value
            for name, value in self.values.items()
        }
        return [self.how, self.template, values]

    @classmethod
    def unpacked(cls, packed: Sequence[Any]) -> Sentence:
        how, template, values = packed
        found = {
            name: cls.unpacked(value) if isinstance(value, list) else value for name, value in values.items()
        }
        return cls(how, template, found)

    def __reduce__(self) -> tuple[type[Sentence], tuple[str, str, Mapping[str, Value]]]:
        return Sentence, (self.how, self.template, self.values)


def say(sentence: str, /, **values: Value) -> Sentence:
    """Marks a sentence for the catalogues: a literal, whose values stand in it by name."""
    return Sentence(SAY, sentence, values)


def many(one: str, more: str, /, count: int, **values: Value) -> Sentence:
    """The same of what has a plural, by `count`."""
    return Sentence(MANY, f"{one}\0{more}", {"count": count, **values})


def known(text: str) -> Sentence:
    """Told in other words where a catalogue has exactly these, as of a reason that was kept."""
    return text if isinstance(text, Sentence) else Sentence(KNOWN, text, {})


def as_it_is(text: str) -> Sentence:
    """What is nobody's to translate: names, what a person or an agent wrote."""
    return text if isinstance(text, Sentence) else Sentence(PLAIN, text, {})


def laid_out(template: str, /, **values: Value) -> Sentence:
    """Signs alone around what is told, the same in every language."""
    return Sentence(LAY, template, values)


def joined(between: str, parts: Iterable[str]) -> Sentence:
    return Sentence(JOIN, between, {str(number): part for number, part in enumerate(parts)})


def clauses(parts: Iterable[str]) -> Sentence:
    """One behind the other, with the comma of the language."""
    return Sentence(FIGURE, "clauses", {str(number): part for number, part in enumerate(parts)})


def listed(parts: Sequence[str]) -> Sentence:
    """`a, b and c`."""
    *first, last = parts or ("",)
    return say("{others} and {last}", others=clauses(first), last=last) if first else as_it_is(last)


def explained(words: str, reason: str) -> Sentence:
    """With the colon of the language."""
    return Sentence(FIGURE, "explained", {"words": words, "reason": reason})


def alternatives(parts: Sequence[str]) -> Sentence:
    """`a or b or c`."""
    first, *more = parts or ("",)
    found = as_it_is(first)
    for one in more:
        found = say("{before} or {other}", before=found, other=one)
    return found


def number(amount: int) -> Sentence:
    """With the signs of the language between its thousands."""
    return Sentence(FIGURE, "number", {"amount": amount})


def decimal(amount: float) -> Sentence:
    return Sentence(FIGURE, "decimal", {"amount": amount})


def dollars(micro: int) -> Sentence:
    """From millionths of a dollar."""
    return Sentence(FIGURE, "dollars", {"micro": micro})


def told(found: T, language: str) -> T:
    """Everything in it that is a sentence, told: of texts, lists, tables and records of these."""
    value: Any = found
    if type(value) is str:  # as nearly every one is
        return found
    if isinstance(value, Sentence):
        value = value.told(language)
    elif isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        value = type(value)(told(one, language) for one in value)
    elif isinstance(value, dict):
        value = {name: told(one, language) for name, one in value.items()}
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {one.name: getattr(value, one.name) for one in dataclasses.fields(value) if one.init}
        value = dataclasses.replace(value, **{name: told(one, language) for name, one in fields.items()})
    return cast(T, value)


def _told(how: str, template: str, values: Mapping[str, Value], language: str) -> str:
    if how == PLAIN:
        return template
    if how == KNOWN:
        return catalogue(language).gettext(template) if template else ""
    filled = {
        name: value.told(language) if isinstance(value, Sentence) else value for name, value in values.items()
    }
    if how == FIGURE:
        return FIGURES[template](filled, language)
    if how == JOIN:
        return template.join(map(str, filled.values()))
    if how == SAY:
        template = catalogue(language).gettext(template)
    elif how == MANY:
        one, more = template.split("\0")
        template = catalogue(language).ngettext(one, more, int(filled["count"]))
    return template.format_map(filled)

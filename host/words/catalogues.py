"""The catalogues: one file per language in gettext's format, read where that language is first spoken.

A translation with other placeholders than its sentence would fail where somebody is told it: it counts as missing, and English is
said in its place.
"""

from __future__ import annotations

import gettext
import io
import json
import logging
import re
import struct
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from string import Formatter
from typing import Protocol

log = logging.getLogger(__name__)

ENGLISH = "en"
_PLURAL_BETWEEN = "\0"  # as in a .mo file
_MAGIC = 0x950412DE  # of a .mo file
_LINE = re.compile(r'(?:(msgid|msgid_plural|msgstr|msgctxt)(?:\[(\d)\])? )?(".*")')
_STRING = json.JSONDecoder(strict=False)
_DIRECTORY = resources.files("host.words").joinpath("locale")


class Catalogue(Protocol):
    def gettext(self, message: str) -> str: ...

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str: ...


def mark(sentence: str) -> str:
    """A literal for the catalogues that is kept in English, and `known` where it is told."""
    return sentence


_others: dict[str, Catalogue] = {}


def languages() -> tuple[str, ...]:
    """What there are catalogues of, English first."""
    return (ENGLISH, *_files(), *_others)


@cache
def _files() -> tuple[str, ...]:
    names = (one.name for one in _DIRECTORY.iterdir())
    return tuple(sorted(name.removesuffix(".po") for name in names if name.endswith(".po")))


def spoken(locale: str) -> str:
    """The language of what a platform calls a locale, such as `de-DE` or `es-419`; '' of one that is not spoken here."""
    language = locale.replace("_", "-").partition("-")[0].lower()
    return language if language in languages() else ""


def add(language: str, found: Catalogue) -> None:
    """One more, for this process: tests speak a language of their own."""
    _others[language] = found


def catalogue(language: str) -> Catalogue:
    return _others.get(language) or _read(language)


@cache
def _read(language: str) -> Catalogue:
    file = _DIRECTORY.joinpath(f"{language}.po")
    if language == ENGLISH or not file.is_file():
        return gettext.NullTranslations()
    return gettext.GNUTranslations(io.BytesIO(compiled(dict(fitting(parsed(file.read_text("utf-8")))))))


def parsed(text: str) -> dict[str, str]:
    """Translations by sentence, as a .mo file has them: with a NUL between singular and plural, and between their forms.
    Raises `ValueError`."""
    entries: list[dict[str, str]] = [{}]
    at = ""
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        found = _LINE.fullmatch(line)
        if found is None:
            raise ValueError(f"line {number} of a catalogue is none: {line}")
        field, form, words = found.groups()
        if field:
            at = f"{field}{form or ''}"
            if at == "msgid":
                entries.append({})
        entries[-1][at] = entries[-1].get(at, "") + str(_STRING.decode(words))
    return dict(_pairs(entry) for entry in entries if "msgid" in entry)


def _pairs(entry: Mapping[str, str]) -> tuple[str, str]:
    forms = [entry[name] for name in sorted(entry) if name.startswith("msgstr")]
    sentence = [entry["msgid"], *([entry["msgid_plural"]] if "msgid_plural" in entry else [])]
    return _PLURAL_BETWEEN.join(sentence), _PLURAL_BETWEEN.join(forms) if all(forms) else ""


def fitting(translations: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for sentence, translation in translations.items():
        if not translation:
            continue
        wanted = placeholders(sentence.rpartition(_PLURAL_BETWEEN)[2])
        if sentence and any(placeholders(form) - wanted for form in translation.split(_PLURAL_BETWEEN)):
            log.warning("A translation does not fit: %r", sentence, extra={"action": "translation_unfit"})
            continue
        yield sentence, translation


def placeholders(template: str) -> frozenset[str]:
    """The names of its values. Of what cannot be read as a template one that no value has."""
    if "{" not in template and "}" not in template:
        return frozenset()
    try:
        return frozenset(name for _, name, _, _ in Formatter().parse(template) if name is not None)
    except ValueError:
        return frozenset({"{"})


def compiled(translations: Mapping[str, str]) -> bytes:
    """As a .mo file: magic, version, count, where the two tables are; lengths and offsets; the strings, by order of the first."""
    pairs = sorted((key.encode(), value.encode()) for key, value in translations.items())
    keys, values = [key for key, _ in pairs], [value for _, value in pairs]
    header, at = 28, 28 + 16 * len(pairs)
    tables, strings = [], bytearray()
    for one in (*keys, *values):
        tables += [len(one), at + len(strings)]
        strings += one + b"\0"
    head = struct.pack("<7I", _MAGIC, 0, len(pairs), header, header + 8 * len(pairs), 0, at)
    return head + struct.pack(f"<{len(tables)}I", *tables) + bytes(strings)

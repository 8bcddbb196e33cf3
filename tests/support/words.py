"""The sentences that are marked in the product, and the catalogues brought up to date with them (`make words`).

Read from the source. What is marked is a literal, or nothing could be found of it.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from host.words.catalogues import parsed, placeholders

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("host", "bots")
LOCALE = ROOT / "host" / "words" / "locale"
MARKS = {"say": 1, "mark": 1, "many": 2, "laid_out": 1}  # how many literals each takes
SIGNS = "laid_out"  # alone: nothing of it is translated
CONFLICT = ("<<<<<<<", "|||||||", "=======", ">>>>>>>")
PLURALS = {
    "de": "nplurals=2; plural=(n != 1);",
    "es": "nplurals=2; plural=(n != 1);",
    "ja": "nplurals=1; plural=0;",
    "zh": "nplurals=1; plural=0;",
}


@dataclass(frozen=True)
class Marked:
    file: str
    line: int
    sentence: str  # with a NUL before its plural
    given: frozenset[str] | None  # names of the values it gets there; None where they are not told one by one
    problem: str = ""

    @property
    def forms(self) -> list[str]:
        return self.sentence.split("\0")


@cache
def sentences() -> tuple[Marked, ...]:
    files = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return tuple(one for path in files for one in _of(path))


def _of(path: Path) -> Iterator[Marked]:
    text = path.read_text("utf-8")
    if not any(f"{mark}(" in text for mark in MARKS):
        return
    tree = ast.parse(text)
    known = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("host.words")
        for alias in node.names
    }
    own = path.parent.name == "words"
    file = str(path.relative_to(ROOT))
    for node in sorted(ast.walk(tree), key=lambda found: getattr(found, "lineno", 0)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if (mark := node.func.id) in MARKS and (own or mark in known):
            yield _marked(file, node, mark)


def _marked(file: str, call: ast.Call, mark: str) -> Marked:
    literals = [
        arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)
    ]
    if len(literals) != MARKS[mark]:
        return Marked(file, call.lineno, "", None, "what is marked is no literal")
    names = [keyword.arg for keyword in call.keywords] + ["count"] * (mark == "many")
    given = None if None in names or mark == "mark" else frozenset(filter(None, names))
    sentence = "" if mark == SIGNS else "\0".join(literals)
    return Marked(file, call.lineno, sentence, given, _problem(literals, given, mark))


def _problem(forms: Sequence[str], given: frozenset[str] | None, mark: str) -> str:
    wanted = frozenset[str]().union(*map(placeholders, forms))
    if any(not name.isidentifier() for name in wanted):
        return "its values have no names"
    if mark == "mark" and wanted:
        return "it has values, and none are given to it"
    if given is not None and wanted - given:
        return f"it is given no {', '.join(sorted(wanted - given))}"
    if given is not None and given - wanted - {"count"}:
        return f"it has no {', '.join(sorted(given - wanted))}"
    return ""


def written(language: str) -> str:
    """The catalogue as it should stand, with the translations that it has; what is marked no more is left out. Where two
    branches were brought together it has those of both."""
    path = LOCALE / f"{language}.po"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    translations = parsed("\n".join(line for line in lines if not line.startswith(CONFLICT)))
    kind = "MIME-Version: 1.0\nContent-Type: text/plain; charset=UTF-8"
    header = f"Language: {language}\n{kind}\nPlural-Forms: {PLURALS[language]}\n"
    entries = [_entry([], "", header)]
    where: dict[str, list[str]] = {}
    for one in sentences():
        if one.sentence:
            where.setdefault(one.sentence, []).append(one.file)
    for sentence, files in where.items():
        entries.append(_entry(list(dict.fromkeys(files)), sentence, translations.get(sentence, ""), language))
    return "\n".join(entries)


def _entry(files: Sequence[str], sentence: str, translation: str, language: str = "") -> str:
    lines = [f"#: {file}" for file in files]
    one, _, more = sentence.partition("\0")
    lines.append(f"msgid {_quoted(one)}")
    if not more:
        return "\n".join([*lines, f"msgstr {_quoted(translation)}", ""])
    lines.append(f"msgid_plural {_quoted(more)}")
    count = 1 if "nplurals=1" in PLURALS[language] else 2
    forms = translation.split("\0") if translation else [""] * count
    return "\n".join([*lines, *(f"msgstr[{n}] {_quoted(form)}" for n, form in enumerate(forms)), ""])


def _quoted(text: str) -> str:
    pieces = text.splitlines(keepends=True)
    quoted = [json.dumps(piece, ensure_ascii=False) for piece in pieces]
    return "\n".join(['""', *quoted]) if len(quoted) > 1 else (quoted or ['""'])[0]


def main() -> int:
    left = 0
    for language in PLURALS:
        text = written(language)
        (LOCALE / f"{language}.po").write_text(text, "utf-8")
        untold = [sentence for sentence, told in parsed(text).items() if sentence and not told]
        left += len(untold)
        sys.stdout.write(f"{language}: {len(untold)} to translate\n")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())

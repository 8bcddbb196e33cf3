"""The Markdown that agents write, where it is more than CommonMark: rules for the parser, each as a person reads it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from functools import partial

from markdown_it import MarkdownIt
from markdown_it.common.utils import isMdAsciiPunct, isPunctChar, isWhiteSpace
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline
from markdown_it.rules_inline.state_inline import Scanned
from markdown_it.token import Token

DEEPEST = 32  # levels of nesting that are parsed (a list takes two); what is deeper stays text
DEEPEST_FENCE = 8  # fences of one length inside each other; more is no nesting
PIPE = "\x01"  # stands for a pipe that is in code; `clean.tidy` leaves no such character in any text


def parser() -> MarkdownIt:
    made = MarkdownIt("commonmark", {"html": True, "maxNesting": DEEPEST + 8})
    made.enable(["table", "strikethrough"]).disable(["inline", "html_block"])
    rules = {rule.name: rule for rule in made.block.ruler.__rules__}

    # Past its own limit the parser skips the rest of the block: these refuse first, so the text stays text.
    for name in ("blockquote", "list"):
        made.block.ruler.at(name, partial(_shallow, rules[name].fn), {"alt": rules[name].alt})
    made.block.ruler.at("reference", partial(_reference, rules["reference"].fn))
    made.block.ruler.at("fence", partial(_fence, rules["fence"].fn), {"alt": rules["fence"].alt})
    made.block.ruler.at("table", partial(_table, rules["table"].fn), {"alt": rules["table"].alt})
    return made


def tokens(parser: MarkdownIt, text: str, env: dict[str, object]) -> list[Token]:
    """The inline tokens of a text."""
    state = _Inline(text, parser, env, [])
    parser.inline.tokenize(state)
    for rule in parser.inline.ruler2.getRules(""):
        rule(state)
    return state.tokens


def beyond_commonmark(text: str) -> bool:
    """Whether readers may differ: emphasis that touches CJK and punctuation, or a fence inside of a fence."""
    return bool(_TOUCHING.search(text)) or bool(_INNER_FENCE.search(text))


class _Inline(StateInline):
    def scanDelims(self, start: int, canSplitWord: bool) -> Scanned:  # noqa: N802, N803  (the library's names)
        """Beside Chinese, Japanese and Korean, which put no space around emphasis, punctuation hinders none.

        https://github.com/tats-u/markdown-cjk-friendly
        """
        found = super().scanDelims(start, canSplitWord)
        before = self.src[start - 1] if start else " "
        end = start + found.length
        after = self.src[end] if end < self.posMax else " "
        if not (_CJK.match(before) or _CJK.match(after)):
            return found
        opens = not _space(after) and (_CJK.match(after) or not _punctuation(after) or _parts(before))
        closes = not _space(before) and (_CJK.match(before) or not _punctuation(before) or _parts(after))
        if canSplitWord:
            return Scanned(bool(opens), bool(closes), found.length)
        return Scanned(
            bool(opens and (not closes or _punctuation(before))),
            bool(closes and (not opens or _punctuation(after))),
            found.length,
        )


def _space(char: str) -> bool:
    return isWhiteSpace(ord(char))


def _punctuation(char: str) -> bool:
    return isMdAsciiPunct(ord(char)) or isPunctChar(char)


def _parts(char: str) -> bool:
    return _space(char) or _punctuation(char) or bool(_CJK.match(char))


def shielded(text: str) -> str:
    """The text with every pipe in a code span replaced, so that it ends no cell of a table."""
    if "|" not in text or "`" not in text:
        return text
    return "\n".join(
        _SPAN.sub(_shield, line) if "|" in line and "`" in line else line for line in text.split("\n")
    )


def unshielded(text: str) -> str:
    return text.replace(PIPE, "|")


def _shield(match: re.Match[str]) -> str:
    if match[0] != match[0].strip("`").strip().join(("`", "`")) and match[0].strip("` ") == "|":
        return match[0]  # two cells with a lone backtick each
    return _BARE_PIPE.sub(PIPE, match[0])


def cells(line: str, columns: int) -> list[str]:
    """The cells of a table's row, as many as there are columns: what is too much stands in the last."""
    line = line.strip().removeprefix("|")
    if line.endswith("|") and not line.endswith("\\|"):
        line = line[:-1]
    found = [cell.strip() for cell in _BARE_PIPE.split(line)]
    if len(found) > columns:
        found[columns - 1 :] = [" | ".join(cell for cell in found[columns - 1 :] if cell)]
    return [cell.replace("\\|", "|") for cell in found] + [""] * (columns - len(found))


def _shallow(rule, state: StateBlock, first: int, end: int, silent: bool) -> bool:  # type: ignore[no-untyped-def]
    return state.level < DEEPEST and bool(rule(state, first, end, silent))


def _reference(rule, state: StateBlock, first: int, end: int, silent: bool) -> bool:  # type: ignore[no-untyped-def]
    """A footnote's text is no link: it would vanish."""
    start = state.bMarks[first] + state.tShift[first]
    return not state.src.startswith("[^", start) and bool(rule(state, first, end, silent))


def _table(rule, state: StateBlock, first: int, end: int, silent: bool) -> bool:  # type: ignore[no-untyped-def]
    """Each row keeps its line: the parser drops the cells that have no column."""
    before = len(state.tokens)
    if not rule(state, first, end, silent):
        return False
    for token in state.tokens[before:]:
        if token.type == "tr_open" and token.map:
            row = token.map[0]
            token.meta["line"] = state.src[state.bMarks[row] + state.tShift[row] : state.eMarks[row]]
    return True


def _fence(rule, state: StateBlock, first: int, end: int, silent: bool) -> bool:  # type: ignore[no-untyped-def]
    """A fence with a language inside of another one opens an inner one, if all of them are closed.

    CommonMark would end the outer one at the inner one's end, which nobody who wrote it meant.
    """
    opening = _FENCE.fullmatch(_line(state, first))
    closing = _outer_end(state, opening[1], first, end) if opening and not silent else 0
    if not opening or not closing:
        return bool(rule(state, first, end, silent))
    token = state.push("fence", "code", 0)
    token.info, token.markup = opening[2], opening[1]
    token.content = state.getLines(first + 1, closing, state.sCount[first], True)
    token.map = [first, closing + 1]
    state.line = closing + 1
    return True


def _outer_end(state: StateBlock, mark: str, first: int, end: int) -> int:
    """The line that closes this fence if there are others in it, else 0."""
    if state.is_code_block(first):
        return 0
    count = _nested_end(mark, _inside(state, first, end))
    return first + count if count else 0


def _inside(state: StateBlock, first: int, end: int) -> Iterator[str]:
    """The lines after it, up to the end of its list item or quote."""
    for number in range(first + 1, end):
        line = _line(state, number)
        if state.sCount[number] < state.blkIndent and line:
            return
        yield line


def _nested_end(mark: str, lines: Iterable[str]) -> int:
    """Which of the lines closes the fence before them, from 1 on, if there are other fences in it; else 0."""
    depth, nested = 1, False
    for number, line in enumerate(lines, 1):
        found = _FENCE.fullmatch(line)
        if not found or found[1][0] != mark[0] or len(found[1]) < len(mark):
            continue
        if found[2]:
            if len(found[1]) > len(mark) or depth == DEEPEST_FENCE or not _LANGUAGE.fullmatch(found[2]):
                return 0
            depth, nested = depth + 1, True
        else:
            depth -= 1
        if not depth:
            return number if nested else 0
    return 0


def fenced(lines: Sequence[str], first: int) -> int:
    """The last line of the code block that begins with this line, outside of lists and quotes; -1 if none does."""
    opening = _FENCE.fullmatch(lines[first].lstrip(" "))
    if not opening or lines[first].startswith("    "):
        return -1
    mark = opening[1]
    if count := _nested_end(mark, (lines[n].lstrip(" ") for n in range(first + 1, len(lines)))):
        return first + count
    for number in range(first + 1, len(lines)):
        closing = _FENCE.fullmatch(lines[number].lstrip(" "))
        if (
            closing
            and not closing[2]
            and closing[1].startswith(mark)
            and not lines[number].startswith("    ")
        ):
            return number
    return len(lines) - 1


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]


# Ideographs, kana, hangul, their marks and the full-width forms.
_CJK_SET = (
    "[\u1100-\u11ff\u2e80-\u303f\u3040-\u30ff\u3100-\u31ff\u3200-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7ff"
    "\uf900-\ufaff\ufe10-\ufe1f\ufe30-\ufe4f\uff01-\uff60\uffe0-\uffe6\U00016fe0-\U00018dff\U0001aff0-\U0001b2ff"
    "\U0001f200-\U0001f2ff\U00020000-\U0003ffff]"
)
_CJK = re.compile(_CJK_SET)
_TOUCHING = re.compile(rf"{_CJK_SET}(?:\*+|~~|_)\S|\S(?:\*+|~~|_){_CJK_SET}")
_INNER_FENCE = re.compile(r"^[> \d.\-]*(?:`{4,}|~{4,})", re.MULTILINE)  # it is longer than what it holds
_SPAN = re.compile(r"(?<![`\\])(`+)(?!`)[^`]*(?:(?!(?<!`)\1(?!`))`+[^`]*)*?(?<!`)\1(?!`)")
_BARE_PIPE = re.compile(r"(?<!\\)\|")
_FENCE = re.compile(r"(`{3,}(?=[^`]*$)|~{3,})[ \t]*(.*?)[ \t]*")
_LANGUAGE = re.compile(r"[\w+#.-]+(?:[ \t{].*)?")

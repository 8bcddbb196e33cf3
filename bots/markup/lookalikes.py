"""Whether the name of a host may be taken for another one by its letters, as browsers ask before they show such a name."""

import unicodedata

# Letters that are read as Latin ones, of scripts in which whole names can be written with them.
_AS_LATIN = frozenset(
    "\u0430\u0441\u0501\u0435\u050d\u04bb\u0456\u0458\u04cf\u043e\u0440\u051b\u0455\u051d\u0445\u0443\u04af\u044a\u044c\u04bd\u043f\u0433\u043a\u0475\u0461\u0437"
    "\u03b1\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c9\u03f2\u03f3\u0585\u0578\u057d\u0581\u0570\u0566"
)
_ODD_LATIN = frozenset(
    "\u0131\u0237\u0251\u0261\u0269\u026a\u029f\u0274\u0280\u028f\ua731\u1d00\u1d04\u1d0f\u1d22\u1d20\u1d21\u0185\u01c0\u0294"
)
_BESIDE_LATIN = frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO"})


def deceives(host: str) -> bool:
    """Of a name in either form: scripts that nobody mixes, or nothing but letters that pass for Latin ones."""
    return any(map(_part_deceives, map(_shown, host.lower().split("."))))


def _part_deceives(part: str) -> bool:
    if part.isascii():
        return False
    foreign = {letter for letter in part if not letter.isascii()}
    letters = [letter for letter in part if letter.isalpha()]
    scripts = {unicodedata.name(letter, "").partition(" ")[0] for letter in letters}
    mixed = "LATIN" in scripts and not scripts <= _BESIDE_LATIN
    return mixed or bool(foreign & _ODD_LATIN) or foreign <= _AS_LATIN


def _shown(part: str) -> str:
    if not part.startswith("xn--"):
        return part
    try:
        return part[4:].encode("ascii").decode("punycode")
    except UnicodeError:
        return part

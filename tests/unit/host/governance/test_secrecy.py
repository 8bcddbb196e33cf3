"""What is a secret in a text: by the shapes that issuers document, and nothing that people write every day."""

from __future__ import annotations

import itertools
import random
import string
import time
from collections.abc import Callable

import pytest

from bots.markup import clean
from host.config.shapes import Shape, ShapeError
from host.governance import secrecy
from host.governance.secrecy import Rules

LETTERS = string.ascii_letters + string.digits


def drawn(number: int, signs: str = LETTERS, seed: int = 7) -> str:
    return "".join(random.Random(seed).choices(signs, k=number))


PEM = "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----".format(
    "\n".join(drawn(64, seed=line) for line in range(8))
)
SECRETS = {
    "slack-token": f"xoxb-123456789012-{drawn(24)}",
    "slack-token of an app": f"xapp-1-A0123456789-{drawn(40)}",
    "github-token": f"ghp_{drawn(36)}",
    "github-token of its new kind": f"github_pat_{drawn(22)}_{drawn(59)}",
    "gitlab-token": f"glpat-{drawn(20)}",
    "aws-key-id": f"AKIA{drawn(16, string.ascii_uppercase + '234567')}",
    "anthropic-key": f"sk-ant-api03-{drawn(93)}-{drawn(6)}AA",
    "openai-key": f"sk-proj-{drawn(64)}",
    "stripe-key": f"sk_live_{drawn(24)}",
    "google-key": f"AIza{drawn(35)}",
    "npm-token": f"npm_{drawn(36)}",
    "huggingface-token": f"hf_{drawn(34)}",
    "jwt": f"eyJ{drawn(30)}.eyJ{drawn(60)}.{drawn(43)}",
    "private-key": PEM,
    "private-key in JSON": PEM.replace("\n", "\\n"),
    "private-key that is cut": PEM[:400],
}
AROUND: tuple[str, ...] = (
    "{}",
    "token: {} and so on",
    "`{}`",
    "```\nKEY={}\n```",
    "| a | {} |",
    "<{}>",
    "('{}')",
    "[it]({})",
)
AROUND += (
    "_{}_",
    "__{}__",
    "***{}***",
    "**_{}_**",
    "_Token: {}_",
    "|| _{}_ ||",
    "[_{}_](https://a.example)",
    "é{}",
    "1{}",
    "密{}",
)
AROUND += (
    "key_{}",
    "GITHUB_PAT_{}",
    "__{}__: a key",
    '{{"a": "\\t{}"}}',
    '{{"a": "\\\\u003d{}"}}',
    "\x1b[32m{}\x1b[0m",
)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("what", SECRETS)
def test_a_secret_is_masked_whatever_stands_around_it(what: str, around: str) -> None:
    hidden, counts = Rules().hide(around.format(SECRETS[what]))

    rule = what.split()[0]
    assert hidden == around.format(f"‹masked: {rule}›")
    assert counts == {rule: 1}


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"Authorization: Bearer {drawn(40)}", "Authorization: Bearer ‹masked: bearer›"),
        ("curl -H 'authorization: basic dXNlcjpwYXNzd29yZDE='", None),
        (
            "postgres://app:s3cr3t-w0rd@db.internal/app",
            "postgres://app:‹masked: address-password›@db.internal/app",
        ),
        ("redis://:s3cr3t-w0rd@cache", "redis://:‹masked: address-password›@cache"),
        (
            f"https://{SECRETS['github-token']}@github.com/a/b",
            "https://‹masked: github-token›@github.com/a/b",
        ),
    ],
)
def test_what_stands_behind_a_header_or_in_an_address_is_masked(text: str, hidden: str | None) -> None:
    found, counts = Rules().hide(text)
    assert counts.total() == 1
    assert found == hidden or (hidden is None and "dXNlcjpw" not in found)


ORDINARY = {
    "a hash": "Fixed in 0f19c97d2b6a1e4c8f3a5d7b9c0e1f2a3b4c5d6e, see 1ee72cc.",
    "a digest": f"sha256:{'0123456789abcdef' * 4}",
    "an id": "Request 3f2504e0-4f89-41d3-9a0c-0305e82c3301 failed.",
    "a picture": f"![plot](data:image/png;base64,iVBORw0KGgo{drawn(4000, LETTERS + '+/')}==)",
    "a link": "[the log](https://ci.example.com/job/42?from=main&to=v1.2#L10:20@end) and <https://a.example/b_c-d>",
    "a link with a place": "https://maps.example.com/@52.5,13.4,12z and http://localhost:8080/a@b",
    "an address with a stand-in": "postgres://user:password@host/db, https://user:$TOKEN@host, amqp://u:<pass>@h, s://u:***@h",
    "examples": "AKIAIOSFODNN7EXAMPLE, ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx, xoxb-your-token-goes-here-123",
    "beginnings": "Tokens begin with xoxb-, ghp_, sk-ant-, AKIA or eyJ; keys with `-----BEGIN PRIVATE KEY-----`.",
    "a key left out": "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----",
    "a public key": f"-----BEGIN PUBLIC KEY-----\n{drawn(64)}\n-----END PUBLIC KEY-----",
    "names": "sk-circle-fade-dot-animation-class-name, task-ant-colony-optimisation-2, hf_hub_download, npm_config_registry",
    "words": "The bearer of this letter has a basic understanding of bearer authentication-protocols-and-such.",
    "code": "```python\nsecret_name = os.environ['SLACK_BOT_TOKEN']\nassert a * b ** c || d && e  # \\n\n```",
    "a table": "| id | value |\n|---|---|\n| AKI | 12 % |",
    "a mail": "write to ada.lovelace+dev@example.com: it works",
    "Japanese": "これは秘密ではありません。次の行をご覧ください。",
}


@pytest.mark.parametrize("what", ORDINARY)
def test_what_people_write_every_day_stays_as_it_is(what: str) -> None:
    assert Rules().hide(ORDINARY[what]) == (ORDINARY[what], {})


HIDING: dict[str, Callable[[str], str]] = {
    "escapes": lambda text: text.replace("_", "\\_").replace("-", "\\-"),
    "emphasis": lambda text: f"{text[:9]}**{text[9:14]}**{text[14:]}",
    "a character of no width": lambda text: f"{text[:2]}\u200b{text[2:11]}\u2060{text[11:]}",
    "references": lambda text: text.replace("_", "&#95;").replace("-", "&#x2d;"),
    "an empty link": lambda text: f"{text[:9]}[](https://a.example){text[9:14]}![](){text[14:]}",
    "what an address encodes": lambda text: f"{text[:9]}%00{text[9:14]}%E2%80%8B{text[14:]}".replace(
        "_", "%5F"
    ),
    "an empty link by reference": lambda text: f"{text[:9]}[][a]{text[9:]}\n\n[a]: https://a.example",
    "a link around its half": lambda text: f"{text[:9]}[{text[9:14]}](https://a.example/(b) 'c'){text[14:]}",
    "two links": lambda text: f"[{text[:14]}](https://a.example)[{text[14:]}][b]",
    "wide letters": lambda text: "".join(chr(ord(sign) + 0xFEE0) for sign in text[:4]) + text[4:],
    "bold letters of mathematics": lambda text: "".join(
        chr(ord(sign) - ord("a") + 0x1D41A) if "a" <= sign <= "z" else sign for sign in text
    ),
    "colours of a terminal": lambda text: f"{text[:9]}\x1b[1;32m{text[9:]}",
    "a code span": lambda text: f"{text[:12]}``{text[12:]}",
    "a link of Slack's own": lambda text: f"{text[:9]}<https://a.example/?b=c|{text[9:14]}>{text[14:]}",
    "two links of Slack's own": lambda text: (
        f"<https://a.example|{text[:12]}><mailto:a@b.example|*{text[12:]}*>"
    ),
    "a date of Slack's": lambda text: f"{text[:12]}<!date^1764000000^{{date}}|{text[12:]}>",
    "a line broken by spaces": lambda text: f"{text[:12]}  \n{text[12:]}",
    "a line broken by a backslash": lambda text: f"{text[:12]}\\\n{text[12:]}",
    "a line broken by a tag": lambda text: f"{text[:12]}<br>{text[12:16]}<br />{text[16:]}",
    "what is struck through": lambda text: f"{text[:12]}~{text[12:]}~",
    "what is struck through twice": lambda text: f"~~{text[:12]}~~~{text[12:]}~",
    "a comment": lambda text: f"{text[:12]}<!-- a -->{text[12:]}",
    "a long tag": lambda text: f'{text[:12]}<a href="https://a.example/{"b" * 200}">{text[12:]}</a>',
    "a filler": lambda text: f"{text[:12]}\u3164{text[12:16]}\uffa0{text[16:]}",
    "a spoiler": lambda text: f"{text[:12]}||{text[12:]}",
}


@pytest.mark.parametrize("how", HIDING)
@pytest.mark.parametrize("what", ["github-token", "slack-token", "anthropic-key"])
def test_what_markup_takes_out_of_a_text_hides_nothing(what: str, how: str) -> None:
    hidden, counts = Rules().hide(f"see {HIDING[how](SECRETS[what])} there")
    assert counts == {what: 1}
    assert f"‹masked: {what}›" in hidden
    assert not any(SECRETS[what][at : at + 8] in hidden for at in range(4, len(SECRETS[what]) - 8))


@pytest.mark.parametrize("between", ["**{}**", "`{}`", "<b>{}", "\u200b{}", "||{}||"])
def test_a_secret_whose_first_half_is_one_by_itself_is_masked_to_its_end(between: str) -> None:
    """What came behind the first half stood there: the numbers were masked, and the secret shown."""
    first, rest = "xoxb-123456789012-1234567890123-", drawn(24)
    text, counts = Rules().hide(f"It is {first}{between.format(rest)} now")
    assert rest not in text
    assert counts.total() == 1


def test_a_secret_of_this_host_is_found_with_emphasis_at_its_hyphens_and_with_its_signs_of_markup_escaped() -> (
    None
):
    rules = Rules({"correct-horse-battery": "A_KEY", "pa*ss_wo`rd": "B_KEY"})
    assert rules.hide("correct-_horse_-battery")[0] == "‹masked: A_KEY›"
    assert rules.hide("pa\\*ss\\_wo\\`rd")[0] == "‹masked: B_KEY›"


def test_a_secret_of_this_host_and_one_of_the_operators_shape_are_masked_by_their_names() -> None:
    rules = Rules({"correct horse": "DEPLOY_KEY"}, {"staff": Shape.spelled("EMP-[0-9]{6}")})

    hidden, counts = rules.hide("EMP-123456 has the correct horse, EMP-1234567 and EMP-12 have none")

    assert hidden == "‹masked: staff› has the ‹masked: DEPLOY_KEY›, EMP-1234567 and EMP-12 have none"
    assert counts == {"staff": 1, "DEPLOY_KEY": 1}


def frames(text: str, rules: Rules) -> list[str]:
    return [rules.hide(rules.said(text[:length]))[0] for length in range(len(text) + 1)]


@pytest.mark.parametrize("what", SECRETS)
def test_of_a_text_that_grows_no_sign_of_a_secret_is_shown_and_nothing_is_taken_back(what: str) -> None:
    seen = frames(f"Here is it: {SECRETS[what]}\nThat is all, see https://a.example/b.\n", Rules())

    for before, after in itertools.pairwise(seen):
        assert after.startswith(before)
    rest = f"‹masked: {what.split()[0]}›\nThat is all, see https://a.example/b.\n"
    assert (
        seen[-1] == f"Here is it: {'' if 'cut' in what else rest}"
    )  # of a key that has no end all waits for the answer


@pytest.mark.parametrize("how", [*HIDING, *AROUND])
@pytest.mark.parametrize("what", ["github-token", "slack-token", "google-key"])
def test_of_a_text_that_grows_no_sign_of_a_secret_is_shown_whatever_hides_it(what: str, how: str) -> None:
    secret = SECRETS[what]
    text = f"see {HIDING[how](secret) if how in HIDING else how.format(secret)} there"
    seen = frames(text, Rules())
    for before, after in itertools.pairwise(seen):
        assert after.startswith(before)
    assert f"‹masked: {what}›" in seen[-1]


def test_of_a_text_that_grows_nothing_is_cut_within_a_secret_whose_end_may_be_another_ones_beginning() -> (
    None
):
    rules = Rules({"correct horse": "DEPLOY_KEY"})
    assert rules.hide(rules.said("It is correct horse"))[0] in ("It is ", "It is ‹masked: DEPLOY_KEY›")
    assert rules.said("Bearer  abc") == "Bearer  "


def test_of_a_text_that_grows_secrets_of_this_host_and_of_the_operators_shapes_are_held_back_too() -> None:
    rules = Rules({"correct horse": "DEPLOY_KEY"}, {"card": Shape.spelled("4111[0-9 ]{12,19}")})
    seen = frames(
        "The words are correct horse, the card 4111 1111 1111 1111, the address a://b:pw1234@c/d.", rules
    )

    for before, after in itertools.pairwise(seen):
        assert after.startswith(before)
    assert seen[-1].endswith(
        "‹masked: DEPLOY_KEY›, the card ‹masked: card›, the address a://b:‹masked: address-password›@c/d."
    )


@pytest.mark.parametrize("what", ORDINARY)
def test_of_a_text_that_grows_what_is_no_secret_comes_with_the_next_line_at_the_latest(what: str) -> None:
    if "BEGIN" in ORDINARY[what]:
        return  # it waits for its end
    assert Rules().said(f"{ORDINARY[what]}\n") == f"{ORDINARY[what]}\n"


HOSTILE = {
    "a's": "a" * 60_000,
    "beginnings of tokens": "ghp_xoxb-sk-ant-AKIA" * 3_000,
    "beginnings within a run": "xoxb-" * 12_000,
    "beginnings of JWT": "-eyJ" * 15_000,
    "dots": "eyJaaaaaaaa." * 5_000,
    "addresses": "://" * 20_000,
    "an address without end": "://" + "a:" * 30_000,
    "keys": "-----BEGIN PRIVATE KEY-----" * 2_200,
    "headers": "Bearer " * 8_500,
    "escapes": "\\_" * 30_000,
    "references": "&#95;" * 12_000,
    "empty links": "[](" * 20_000,
    "links": "[a](b" * 12_000,
    "links without end": "](" + "a" * 60_000,
    "brackets in links": "](((" * 15_000,
    "titles of links": '](a "' * 12_000,
    "references of links": "][" * 30_000,
    "underscores": "_" * 60_000,
    "words with underscores": "ghp_" * 15_000,
    "runs of underscores": "a__ " * 15_000,
    "headers without value": "bearer basic " * 5_000,
    "backslashes": "\\" * 60_000,
    "colours": "\x1b[" * 30_000,
    "what is encoded": "%41" * 20_000,
    "spaces": " " * 60_000,
    "pairs of spaces": "a  " * 20_000,
    "tags without end": "<a " * 20_000,
    "links of Slack's own": "<a|" * 20_000,
    "comments": "<!--" * 15_000,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_twice_the_text_takes_no_more_than_about_twice_as_long(what: str) -> None:
    """In the processor's time of this thread, with room for a machine that is busy: what grows by the square takes 64 times."""

    def cost(text: str) -> float:
        best = float("inf")
        for _ in range(3):
            begun = time.thread_time()
            RULES.hide(text)
            RULES.said(text)
            best = min(best, time.thread_time() - begun)
        return best

    text = HOSTILE[what][:32_000]
    assert cost(text) < 24 * max(cost(text[: len(text) // 8]), 0.002)


RULES = Rules(
    {drawn(40): "KEY"}, {"odd": Shape.spelled("aaa[a-z]{9000}"), "odder": Shape.spelled("xoxb-[a-z-]{9000,}")}
)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ab",
        "ab+",
        "(a+)+b",
        "ACME-[A-Z]{0}",
        "ACME-[A-Z]{5,3}",
        "ACME-[A-Z]{99999}",
        "ACME-[A-Z]*",
        "ACME-.*",
        "[A-Z]{20}",
        "ACME-\\w+\\w+",
        "a|bcd",
        "^ACME",
        "ACME-[",
        "ACME-[z-a]+",
        "x" * 201,
        "ACME{3}",
        "ACME-(?=x)",
    ],
)
def test_what_is_no_shape_is_refused(text: str) -> None:
    with pytest.raises(ShapeError):
        Shape.spelled(text)


@pytest.mark.parametrize(
    ("shape", "text", "found"),
    [
        ("ACME-[A-Z0-9]{4,}", "ACME-AB12 ACME-A xACME-ZZZZZ", ["ACME-AB12", "ACME-ZZZZZ"]),
        ("ACME-\\d{3}", "ACME-123 ACME-1234", ["ACME-123"]),
        ("ACME-\\d{3,4}", "ACME-123 ACME-1234 ACME-12345", ["ACME-123", "ACME-1234"]),
        ("a\\.b\\[", "a.b[ axb[", ["a.b["]),
        ("Project Nessie", "the Project Nessie of 2026", ["Project Nessie"]),
        ("x--[^ ]+", "x--x--x--1 x--", ["x--x--x--1"]),
    ],
)
def test_a_shape_finds_what_it_says(shape: str, text: str, found: list[str]) -> None:
    assert [text[at:end] for at, end in Shape.spelled(shape).found_in(text)] == found


def test_no_sign_that_is_dropped_from_what_is_posted_hides_a_secret() -> None:
    """Whatever the bots drop: the one list is not made of the other, for the host does not know them."""
    secret = SECRETS["github-token"]
    dropped = [sign for sign in map(chr, range(0x110000)) if not clean.tidy(sign)]
    assert len(dropped) > 150
    for sign in dropped:
        for text in (f"It is {secret[:9]}{sign}{secret[9:]}", f"It is {sign.join(secret)}"):
            hidden, counts = Rules().hide(text)
            assert (hidden, counts.total()) == ("It is ‹masked: github-token›", 1), hex(ord(sign))


# Everything that a mark may begin with, be in the midst of or end with, and what is beside one in texts of people.
SIGNS = [
    *"\\*`~|<>!&#%[](){}_-=:/;.,'\"?@ \n\r\t",
    "  ",
    "   \n",
    "||",
    "\x1b[31m",
    "\x1b[",
    "\\n",
    "\\u0041",
    "\\u00",
    "\\\n",
    "\\\\",
    "<b>",
    "</b>",
    "<a href='x'>",
    "<!-- no -->",
    "<!--",
    "<https://e.org|",
    "![](",
    "![]",
    "[](x)",
    "[][y]",
    "](",
    "](<",
    "](x 't')",
    "&amp;",
    "&#65;",
    "&#x41;",
    "&nothing;",
    "%41",
    "%C3%A9",
    "%E2%82%AC",
    "%F0%9F%98%80",
    "%zz",
    "\u200b",
    "\u00ad",
    "\ufeff",
    "\u2060",
    "ａ",
    "ｚ",
    "𝐀",
    "_",
    "__",
    "a",
    "Z",
    "9",
    "ß",
    "é",
    "word",
    "ghp_",
    "Bearer ",
    "ſ",
    "İ",
    "🙂",
    "\x00",
    "\x7f",
]


@pytest.mark.parametrize("marks", [secrecy._TAKEN_OUT, secrecy._TAKEN_OUT_OF_LABELS], ids=["all", "labels"])
@pytest.mark.parametrize("seed", range(4))
def test_to_look_for_what_a_mark_begins_with_misses_none(marks: secrecy._Marks, seed: int) -> None:
    chance = random.Random(seed)
    found = 0
    for _ in range(1_000):
        text = "".join(chance.choices(SIGNS, k=chance.randint(1, 24)))
        each = [(one.span(), one[0]) for one in marks.found_in(text)]
        assert each == [(one.span(), one[0]) for one in marks.mark.finditer(text)], text
        found += len(each)
    assert found > 2_000


@pytest.mark.parametrize("word", ["Bearer", "bearer", "BEARER", "Basic", "baſic", "bas\u0131c", "BAS\u0130C"])
def test_a_header_is_found_however_its_word_is_written(word: str) -> None:
    value = "QWxhZGRpbjpvcGVuIHNlc2FtZQ" + "Zx81kPq0"
    hidden, counts = Rules().hide(f"{word} {value}")
    assert value not in hidden
    assert sum(counts.values()) == 1


@pytest.mark.parametrize("known", secrecy.KNOWN, ids=lambda known: known.shape.begins)
def test_each_kind_of_token_is_found_by_its_beginning_in_the_midst_of_a_text(known: secrecy.Known) -> None:
    chance = random.Random(known.shape.begins)
    signs = string.ascii_uppercase + string.digits
    signs += "" if known.name == "aws-key-id" else string.ascii_lowercase
    secret = known.shape.begins + "".join(chance.choices(signs, k=known.shape.most or known.shape.least + 8))
    hidden, _ = Rules().hide(f"see: {secret}, and")
    assert secret not in hidden
    assert hidden.startswith("see: ‹masked: ")


SCRAPS = (
    *(
        "*",
        "_",
        "__",
        "`",
        "~",
        "|",
        "||",
        "\\",
        "\\n",
        "\\u0061",
        "  \n",
        "   \r\n",
        "\\\n",
        " ",
        "  ",
        "\n",
        "!",
        "[",
        "]",
        "<",
        ">",
    ),
    *(
        "<b>",
        "</b>",
        "<!-- x -->",
        "[](http://a)",
        "![",
        '](http://x.y "t")',
        "](<a b>)",
        "][r]",
        "<http://a|",
        "a_b",
    ),
    *(
        "&amp;",
        "&#65;",
        "&#x41;",
        "%41",
        "%C3%A9",
        "%E2%80%8B",
        "\u200b",
        "\x1b[31m",
        "\uff41",
        "\U0001d400",
        "word",
        "é",
    ),
)


@pytest.mark.parametrize("marks", [secrecy._TAKEN_OUT, secrecy._TAKEN_OUT_OF_LABELS], ids=["shown", "read"])
def test_what_marks_begin_with_leaves_none_out(marks: secrecy._Marks) -> None:
    chance = random.Random(3)
    for _ in range(2_000):
        text = "".join(chance.choices(SCRAPS, k=chance.randint(1, 12)))
        found = [one.span() for one in marks.found_in(text)]
        assert found == [one.span() for one in marks.mark.finditer(text)], repr(text)


@pytest.mark.parametrize("word", ["Basic", "BASIC", "basİc", "ba\u017fıc", "Bearer", "bEARER"])
def test_a_header_is_one_however_its_letters_are_written(word: str) -> None:
    assert Rules().hide(f"{word} {drawn(32)}")[1].total() == 1


@pytest.mark.parametrize("known", secrecy.KNOWN, ids=lambda known: known.shape.begins)
def test_a_token_is_found_by_each_of_its_beginnings(known: secrecy.Known) -> None:
    signs = string.ascii_uppercase + "234567" if known.name == "aws-key-id" else LETTERS
    token = f"{known.shape.begins}{drawn(known.shape.least, signs)}"
    assert Rules().hide(f"it is {token}.")[1] == {known.name: 1}

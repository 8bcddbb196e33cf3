"""A link whose words look like another address shows the one that it leads to, on both platforms."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bots.console.markdown import Markdown
from bots.markup import discord, slack
from bots.markup.labels import disguised

TARGET = "https://evil.example/x"


def on_slack(text: str) -> str:
    return "".join(str(block) for chunk in slack.render(text) for block in chunk.blocks)


def on_discord(text: str) -> str:
    return "\n".join(discord.render(text))


def in_the_terminal(text: str) -> str:
    out = io.StringIO()
    Console(file=out, width=80).print(Markdown(text))
    return out.getvalue()


@pytest.mark.parametrize("shown", [on_slack, on_discord])
@pytest.mark.parametrize(
    "label",
    [
        "https://bank.example",
        "bank.example",
        "www.bank.example",
        "BANK.EXAMPLE",
        "bank.example/login?next=1",
        "bank.example:8443",
        "you@bank.example",
        "evil.example@bank.example",
        "192.168.1.1",
        "bank。example",
        "ｂａｎｋ.example",
        "ban\u200bk.example",
        "**bank**.example",
        "bank.ex**am**ple",
        "`bank.example`",
        "Go to bank.example now",
        "(bank.example)",
        "bank.example.",
        "xn--bnk-ula.example",
        "bänk.example",
        "//bank.example",
        "hxxps://bank.example/login",
        "ftp://bank.example",
        "custom+scheme://bank.example",
        "localhost:3000",
        "bank\u00ad.example",
        "bank․example",
        "bank.example\u202e",
        "bank[.]example",
        "bank [.] example",
        "bank(.)example",
        "bank{.}example",
        "www[.]bank[.]example/login",
        "bank[dot]example",
        "bank (dot) example",
        "bank .example",
        "bank . example",
        "www .bank .example",
        "bank .example/login",
        "[2001:db8::1]",
        "[::1]:8080",
        "http://[2001:db8::1]/login",
        "2001:db8::1",
        "Go to [2001:db8::1] now",
        "2001:db8:0:0:0:0:0:1",
        "[::ffff:192.168.1.1]",
        "Go to bank .example now",
        "Go to bank . example now",
        "visit bank. com to log in",
        "visit bank dot com to log in",
        "bank dot example",
        "See Bank.Com now",
        "bank\ua4f8example",
        "http://3232235777",
        "3232235777",
        "Go to 3232235777/login now",
        "0xC0A80101",
        "0xC0.0xA8.0x01.0x01",
        "0300.0250.0001.0001",
        "http://127.1/",
        "127.1:8080/login",
        "https://intranet/login",
        "bank·com",
        "bank•com",
        "bank・com",
        "bank\u034f.com",
        "bank\ufe0f.com",
        "bank\u0338.com",
        "हिन्दी.भारत",
        ".bank.com",
        "/bank.com",
        "bank.com_",
        "Go to bank.com- now",
        "http:/bank.com",
        "bank<dot>com",
        "bank【.】com",
        "bank-dot-com",
        "cash.app",
        "allegro.pl",
        "cash.sh/login",
        "3232235777/",
        "3232235777.",
        "(3232235777)",
        "“3232235777”",
        "https:3232235777",
        "030052000401",
    ],
)
def test_words_that_look_like_another_address_are_not_believed(
    shown: Callable[[str], str], label: str
) -> None:
    assert f"({TARGET})" in shown(f"see [{label}]({TARGET}) please").replace("\\", "")


@pytest.mark.parametrize("shown", [on_slack, on_discord])
@pytest.mark.parametrize(
    "label",
    [
        "the docs",
        "evil.example",
        "EVIL.example",
        "www.evil.example",
        "https://evil.example/x",
        "evil.example/x",
        "//evil.example/x",
        "runs on localhost",
        "and/or a/b",
        "// TODO",
        "see evil.example for more",
        "setup.py",
        "README.md and report.pdf",
        "v1.2.3",
        "e.g. this",
        "done.Then go on",
        "Node.js",
        "3.14",
        "the .env",
        "see .gitignore",
        "the .env file",
        "std::vector and a::b",
        "12:30:45",
        "aa:bb:cc:dd:ee:ff",
        "[1]",
        "[see: here]",
        "f(.) of x",
        "built on .NET now",
        "wait ... what",
        "the dot product",
        "the end . Then more",
        "3.5/5 stars",
        "16:9",
        "#3232235777",
        "order 3232235777",
        "2026/11/28",
        "+1 415 555 0123",
        "col·lecció",
        "build.sh",
        "./build.sh",
        "/etc/app.conf",
        "port:8080",
        "wait. Dev is down",
        "see .editorconfig and .htaccess",
        "c:/a.txt",
    ],
)
def test_honest_words_stay_a_link_as_they_are(shown: Callable[[str], str], label: str) -> None:
    text = shown(f"[{label}]({TARGET})")
    assert f"({TARGET})" not in text.replace(f"]({TARGET})", "")
    assert TARGET in text


@pytest.mark.parametrize(
    "label", ["192.168.1.1", "3232235777", "0xC0A80101", "0xc0.0xa8.1.1", "0300.0250.1.1"]
)
def test_one_number_is_honest_in_each_of_its_forms(label: str) -> None:
    assert not disguised(label, "http://3232235777/")
    assert not disguised(label, "http://192.168.1.1/x")
    assert disguised(label, "http://192.168.1.2/")


@pytest.mark.parametrize("shown", [on_slack, on_discord])
@pytest.mark.parametrize(
    "written",
    [
        "[bank]({0}).example",
        "bank[.example]({0})",
        "**bank**[.example]({0})",
        "bank.example/[login]({0})",
        "[bank]({0})[.example](https://evil.example/y)",
        "bank [.example]({0})",
        "bank [. example]({0})",
        "go to bank [.example]({0}) now",
        "[bank]({0}) .example",
        "[bank.]({0}) example",
        "[bank]({0}). com",
        "[bank]({0}) [.example](https://evil.example/y)",
        "bank dot [com]({0})",
        "[bank]({0}) dot com",
        "bank [dot com]({0})",
        "[https://]({0})bank.example",
        "[https:]({0})//bank.example",
        "[https]({0})://bank.example",
    ],
)
def test_words_beside_a_link_that_make_an_address_of_its_own_are_read_with_it(
    shown: Callable[[str], str], written: str
) -> None:
    assert f"({TARGET})" in shown(written.format(TARGET)).replace(f"]({TARGET})", "")


@pytest.mark.parametrize("shown", [on_slack, on_discord])
@pytest.mark.parametrize(
    "written",
    [
        "([docs]({0})).",
        "https://bank.example, [docs]({0})",
        "bank.example,[docs]({0})",
        "evil.example/[x]({0})",
        "[README]({0}).md",
        "a/[b]({0})/c",
        "see bank.example [docs]({0}) of it",
        "[docs]({0}). Then more",
        "All is done. [Dev]({0}) is next",
        "use the [.envrc]({0}) here",
        "built on [.NET]({0})",
        "[docs]({0}) bank.example",
        "bank\n[.example]({0})",
    ],
)
def test_words_beside_a_link_that_are_their_own_leave_it_as_it_is(
    shown: Callable[[str], str], written: str
) -> None:
    assert f"({TARGET})" not in shown(written.format(TARGET)).replace(f"]({TARGET})", "")


@pytest.mark.parametrize("shown", [on_slack, on_discord])
@pytest.mark.parametrize(
    ("written", "leads"),
    [
        ("https://\u0430pple.example/x", "https://xn--pple-43d.example/x"),
        ("<https://xn--pple-43d.example/x>", "https://xn--pple-43d.example/x"),
        ("https://\u0440\u0430\u0443\u0440\u0430\u04cf.com", "https://xn--80aa0cbo65f.com"),
        ("https://g\u0131thub.example", "https://xn--gthub-n4a.example"),
        ("https://\u03bf\u03bd\u03b1.example", "https://xn--mxaxf.example"),
    ],
)
def test_a_name_in_letters_that_pass_for_others_shows_what_it_is(
    shown: Callable[[str], str], written: str, leads: str
) -> None:
    assert f"({leads})" in shown(f"see {written} now").replace("\\", "")


@pytest.mark.parametrize(
    "host",
    [
        "bücher.example",
        "例え.jp",
        "пример.рф",
        "ελλάδα.gr",
        "x例え.jp",
        "straße.example",
        "bank.example",
        "हिन्दी.भारत",
    ],
)
def test_a_name_in_the_letters_of_its_language_is_shown_as_it_is(host: str) -> None:
    assert "(" not in on_discord(f"see https://{host}/x now")


@pytest.mark.parametrize("before", ["bank.example", "bank.example:pw", "bank.example:80", "you:bank.example"])
def test_what_stands_before_an_at_sign_is_not_where_a_link_leads(before: str) -> None:
    assert disguised("bank.example", f"https://{before}@evil.example/x")
    assert not disguised("evil.example", f"https://{before}@evil.example/x")


def test_a_mail_address_is_its_own_whatever_is_to_be_written_there() -> None:
    assert not disguised("a@b.example", "mailto:a@b.example?subject=x")
    assert disguised("a@bank.example", "mailto:a@b.example")


@pytest.mark.parametrize("label", ["[2001:db8::1]", "2001:DB8:0::1", "https://[2001:db8::1]:8443/x"])
def test_a_number_of_ipv6_that_is_the_links_own_is_honest_however_it_is_written(label: str) -> None:
    assert not disguised(label, "https://[2001:db8::1]:8443/x")
    assert disguised(label, "https://[2001:db8::2]/x")
    assert disguised(label, "https://[no address/x")


def test_discord_shows_no_link_at_all_whose_words_are_another_address() -> None:
    """It would take the whole message's links away."""
    assert discord.render(f"[bank.ex**am**ple]({TARGET})") == [f"bank.ex**am**ple ({TARGET})"]


@pytest.mark.parametrize(
    "address", ["https://ex.example/ä?q=ü", "www.ex.example", "a.b@ex.example", "<https://ex.example>"]
)
def test_a_bare_address_is_what_it_is(address: str) -> None:
    assert "(" not in on_discord(address)
    assert "ex.example" in on_slack(address)


@given(st.text(max_size=40))
def test_any_label_is_judged_and_the_judgement_is_the_same_twice(label: str) -> None:
    assert disguised(label, TARGET) == disguised(label, TARGET)


@given(
    st.from_regex(r"[a-z]{1,10}\.(?:com|de|example)", fullmatch=True), st.sampled_from(["", "Go to ", "**"])
)
def test_every_other_hosts_name_is_found_wherever_it_stands(host: str, before: str) -> None:
    after = before if before == "**" else ""
    assert f"({TARGET})" in on_discord(f"[{before}{host}{after}]({TARGET})")


@pytest.mark.parametrize("shown", [on_slack, on_discord, in_the_terminal])
@pytest.mark.parametrize(
    "written",
    [
        "see [](https://e.org/x) there",
        "see [ ](https://e.org/x) there",
        "see [][ref] there\n\n[ref]: https://e.org/x",
        "see <a href='https://e.org/x'></a> there",
        "| a |\n|---|\n| see [](https://e.org/x) there |",
    ],
)
def test_a_link_without_words_shows_where_it_leads_once(shown: Callable[[str], str], written: str) -> None:
    assert shown(written).count("https://e.org/x") == 1

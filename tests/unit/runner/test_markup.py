"""Our own escaping writes what the standard library's would, which is too slow to import."""

from __future__ import annotations

from xml.etree import ElementTree
from xml.sax import saxutils

from hypothesis import given
from hypothesis import strategies as st

from runner import markup

TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")) | st.sampled_from("&<>\"'\n\r\t"))


@given(TEXT)
def test_text_is_escaped_as_the_library_does(text: str) -> None:
    assert markup.escape(text) == saxutils.escape(text)
    assert markup.quoteattr(text) == saxutils.quoteattr(text)


@given(TEXT)
def test_an_attribute_is_read_back_as_it_was(text: str) -> None:
    assert ElementTree.fromstring(f"<a b={markup.quoteattr(text)}/>").get("b") == text


def test_what_is_escaped_already_is_escaped_once_more() -> None:
    assert markup.escape("&amp; <b>") == "&amp;amp; &lt;b&gt;"
    assert markup.quoteattr("""say "it's" now""") == '"say &quot;it\'s&quot; now"'

"""What a request must be for its form to count, and where it may lead."""

from __future__ import annotations

import pytest
from aiohttp.test_utils import make_mocked_request

from host.ports.events import Author, Viewer
from host.web import conversations, gate, page
from host.web.gate import Visitor
from sessiondb import Address

HOST = "127.0.0.1:8760"


@pytest.mark.parametrize(
    ("headers", "ours"),
    [
        ({}, True),
        ({"Origin": f"http://{HOST}"}, True),
        ({"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}, True),
        ({"Sec-Fetch-Site": "none"}, True),
        ({"Origin": "null"}, False),
        ({"Origin": ""}, False),
        ({"Origin": "http://["}, False),
        ({"Origin": f"http://{HOST}.evil.example"}, False),
        ({"Origin": f"http://evil.example/{HOST}"}, False),
        ({"Origin": f"http://{HOST}@evil.example"}, False),
        ({"Origin": "http://127.0.0.1:8761"}, False),
        ({"Origin": "http://localhost:8760"}, False),
        ({"Origin": f"http://{HOST}", "Sec-Fetch-Site": "cross-site"}, False),
        ({"Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-site"}, False),
    ],
)
def test_a_form_comes_from_a_page_of_ours(headers: dict[str, str], ours: bool) -> None:
    request = make_mocked_request("POST", "/stop", headers={"Host": HOST, **headers})
    assert gate.from_here(request) is ours


def test_a_form_is_its_visitors_by_their_token_alone() -> None:
    viewer = Viewer(Author("olga"), Address("console", "local", ""), "dm")
    one, other = Visitor(viewer, 1), Visitor(viewer, 1)
    assert gate.is_theirs(one, {"csrf": one.token})
    for wrong in ({}, {"csrf": ""}, {"csrf": other.token}, {"csrf": one.token[:-1]}, {"csrf": "\udcff"}):
        assert not gate.is_theirs(one, wrong)


@pytest.mark.parametrize("path", ["/", "/tasks", "/conversations?page=2", "/conversations/s0?before=4"])
def test_a_form_leads_back_to_where_it_stood(path: str) -> None:
    assert page._back(path) == path


@pytest.mark.parametrize(
    "path",
    [
        "",
        "tasks",
        "//evil.example",
        "/\\evil.example",
        "http://evil.example",
        "/a\r\nb",
        "/\x00",
        "/" * 2,
        "/é",
    ],
)
def test_a_form_leads_nowhere_else(path: str) -> None:
    assert page._back(path) == "/"
    assert page._back("/" + "a" * page.LONGEST_PATH) == "/"


@pytest.mark.parametrize(
    ("text", "number"),
    [("1", 1), ("17", 17), ("0", 1), ("-3", 1), ("", 1), ("x", 1), ("٣", 1), ("9" * 40, 1), ("1e3", 1)],
)
def test_a_pages_number_is_a_number(text: str, number: int) -> None:
    assert conversations._number(text, 1) == number

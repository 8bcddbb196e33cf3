"""Records that share their methods are to everybody what a frozen dataclass with slots is."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields, replace
from typing import Any, ClassVar

import pytest
from pydantic import TypeAdapter, ValidationError

from sessiondb.frozen import frozen


@frozen
class Shared:
    type: ClassVar[str] = "shared"
    name: str
    size: int = 3
    more: tuple[str, ...] = ()
    kept: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Written:
    type: ClassVar[str] = "shared"
    name: str
    size: int = 3
    more: tuple[str, ...] = ()
    kept: dict[str, int] = field(default_factory=dict)


@frozen
class Other:
    name: str
    size: int = 3


@pytest.mark.parametrize("kind", [Shared, Written])
def test_it_is_made_by_position_and_name_and_shows_equals_and_copies_itself(kind: Any) -> None:
    made = kind("a", more=("b",))
    assert (made.name, made.size, made.more, made.kept, made.type) == ("a", 3, ("b",), {}, "shared")
    assert repr(made) == f"{kind.__name__}(name='a', size=3, more=('b',), kept={{}})"
    assert made == kind("a", 3, ("b",), {}) != kind("a")
    assert made.kept is not kind("a").kept
    assert asdict(replace(made, size=4)) == {"name": "a", "size": 4, "more": ("b",), "kept": {}}
    assert [one.name for one in fields(kind)] == list(kind.__slots__) == ["name", "size", "more", "kept"]
    assert copy.deepcopy(made) == copy.copy(made) == pickle.loads(pickle.dumps(made)) == made


@pytest.mark.parametrize("kind", [Shared, Written])
@pytest.mark.parametrize(
    ("given", "named"),
    [
        ((), {}),
        (("a", 1, (), {}, 5), {}),
        (("a",), {"name": "b"}),
        (("a",), {"nme": "b"}),
        ((), {"nme": "b"}),
    ],
    ids=["nothing", "too much", "twice", "unknown", "unknown alone"],
)
def test_what_is_lacking_unknown_or_given_twice_is_an_error(
    kind: Any, given: tuple[Any, ...], named: dict[str, Any]
) -> None:
    with pytest.raises(TypeError):
        kind(*given, **named)


@pytest.mark.parametrize("kind", [Shared, Written])
def test_it_cannot_be_changed(kind: Any) -> None:
    made = kind("a")
    with pytest.raises(FrozenInstanceError):
        made.name = "b"
    with pytest.raises(FrozenInstanceError):
        del made.name
    with pytest.raises((FrozenInstanceError, TypeError)):
        made.nme = "b"


def test_one_of_another_class_is_another_and_equal_ones_have_one_hash() -> None:
    stranger: object = Shared("a", kept={})
    assert Other("a") != stranger
    assert {Other("a"), Other("a", 3), Other("b")} == {Other("a"), Other("b")}


@pytest.mark.parametrize("kind", [Shared, Written])
def test_a_border_validates_it(kind: Any) -> None:
    border = TypeAdapter(kind)
    assert border.validate_json('{"name": "a", "more": ["b"]}', strict=True) == kind("a", more=("b",))
    with pytest.raises(ValidationError):
        border.validate_python({"name": "a", "size": "large"})
    with pytest.raises(ValidationError):
        border.validate_python({"size": 1})

"""Hands what an attack says of itself to whoever makes the table, which may be another process."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        mark = item.get_closest_marker("attack")
        if mark is not None and item.get_closest_marker("honest") is None:
            item.user_properties.append(("attack", f"{mark.kwargs['law']} {mark.kwargs['seat']}"))
        for twin in item.iter_markers("twin"):
            item.user_properties.append(("twin", " ".join(twin.kwargs["of"])))

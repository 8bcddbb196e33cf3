from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fakes.model_api import FakeModelAPI


@pytest.fixture
async def api(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeModelAPI]:
    async with FakeModelAPI() as made:
        monkeypatch.setenv("ANTHROPIC_API_KEY", made.key)
        yield made

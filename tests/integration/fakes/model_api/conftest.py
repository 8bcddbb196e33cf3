"""A fake Messages API and a client for it."""

from collections.abc import AsyncIterator

import pytest
from anthropic import AsyncAnthropic

from tests.fakes.model_api import FakeModelAPI


@pytest.fixture
async def api(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeModelAPI]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "ANTHROPIC_BASE_URL", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    async with FakeModelAPI() as server:
        yield server


@pytest.fixture
async def client(api: FakeModelAPI) -> AsyncIterator[AsyncAnthropic]:
    async with AsyncAnthropic(api_key=api.key, base_url=api.base_url, max_retries=0) as connected:
        yield connected

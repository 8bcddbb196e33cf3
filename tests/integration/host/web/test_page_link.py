"""`dovecote page`: a link to the host that runs, or why there is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from host.cli import page
from host.cli.ending import NothingFoundError
from host.folders.lock import DataLock
from tests.support.browsing import WEB, browsing
from tests.support.hosting import config, serving


async def test_the_link_leads_to_the_running_hosts_page_and_signs_in(tmp_path: Path) -> None:
    settings = config(tmp_path, web=WEB)
    lock = DataLock(tmp_path)
    try:
        async with serving(settings) as (host, _), browsing(host, tmp_path, inside=False) as browser:
            address, _, token = page.link(settings).partition("/enter?token=")
            assert address == browser.base
            assert "Sign in" in (await browser.get(f"/enter?token={token}")).shown
            entered = await browser.post("/enter", {"token": token}, Origin=browser.base)
            assert entered.status == 303
            assert "Nothing runs" in (await browser.get("/")).shown
    finally:
        lock.release()


async def test_a_host_without_a_page_says_how_there_would_be_one(tmp_path: Path) -> None:
    settings = config(tmp_path)
    lock = DataLock(tmp_path)
    try:
        async with serving(config(tmp_path, web=WEB)):
            pass
        async with serving(settings):  # what an earlier one served is gone
            with pytest.raises(NothingFoundError, match="dovecote up --web"):
                page.link(settings)
    finally:
        lock.release()


def test_without_a_host_there_is_no_link(tmp_path: Path) -> None:
    with pytest.raises(NothingFoundError, match="no host runs"):
        page.link(config(tmp_path))

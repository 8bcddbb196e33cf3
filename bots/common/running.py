"""What runs in the place that somebody looks from."""

from __future__ import annotations

from host.ports.bot import Ingest
from host.ports.controls import Running
from host.ports.events import Viewer


async def running_here(host: Ingest, viewer: Viewer) -> list[Running]:
    """Of the viewer's channel and its threads, as far as they may see it. Raises `Forbidden`."""
    overview = await host.controls.overview(viewer)
    return [one for one in overview.running if one.address[:3] == viewer.address[:3]]

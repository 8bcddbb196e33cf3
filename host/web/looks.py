"""How pages look: templates that escape whatever is put into them, and the two files that they need."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined

from host.controls import naming
from host.governance import words
from host.ports import money
from host.words import dollars

# Nothing inline, nothing from elsewhere, in nobody's frame: what gets past the templates is still not run.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
VIEWS = (  # path, name, whether it is for owners alone
    ("/", "Now", True),
    ("/conversations", "Conversations", False),
    ("/search", "Search", False),
    ("/failures", "Queue", True),
    ("/tasks", "Tasks", False),
    ("/costs", "Costs", True),
    ("/decisions", "Decisions", True),
    ("/agents", "Agents", True),
    ("/audit", "Audit", True),
    ("/health", "Health", True),
    ("/signins", "Sign-ins", False),
)
FILES = {"page.css": "text/css", "page.js": "text/javascript", "page.svg": "image/svg+xml"}


class Looks:
    def __init__(self, zone: str) -> None:
        self._zone = words.zone_of("", zone)
        self._templates = Environment(
            loader=PackageLoader("host.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._templates.filters |= {"moment": self._moment, "dollars": dollars, "ago": naming.ago}
        self._templates.filters["amount"] = money.written
        self._templates.globals["views"] = VIEWS
        for template in self._templates.list_templates():  # read now: no page waits for the disk
            self._templates.get_template(template)
        folder = resources.files("host.web").joinpath("static")
        self._files = {name: folder.joinpath(name).read_text("utf-8") for name in FILES}

    def html(self, template: str, values: Mapping[str, object]) -> str:
        return self._templates.get_template(template).render(values)

    def file(self, name: str) -> web.Response:
        """Only what is named here: no path leads anywhere else."""
        if name not in FILES:
            raise web.HTTPNotFound
        return web.Response(text=self._files[name], content_type=FILES[name])

    def _moment(self, at: int) -> str:
        return words.moment(at, self._zone)[:16]

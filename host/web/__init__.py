"""What can be seen of a running host from outside, by HTTP on this machine."""

from host.web.server import WebError, WebServer

__all__ = ["WebError", "WebServer"]

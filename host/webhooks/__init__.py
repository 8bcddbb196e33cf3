"""Programs that wake an agent: signed requests over HTTP."""

from host.webhooks.server import WebhookError, WebhookServer

__all__ = ["WebhookError", "WebhookServer"]

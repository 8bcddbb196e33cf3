"""The configuration in force. Whoever works by it asks for it each time anew; whoever needs it unchanged keeps the value."""

from __future__ import annotations

from host.config.schema import Config


class Settings:
    """One immutable value and its version; a reload puts another in its place."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.version = 1

    def take(self, config: Config) -> None:
        self.config, self.version = config, self.version + 1

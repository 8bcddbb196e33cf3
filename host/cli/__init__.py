"""The command line: `dovecote`."""

from host.cli.main import main

__all__ = ["main"]

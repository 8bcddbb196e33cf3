"""Imported last by the process that others are forked of: what it holds is no more looked at for garbage, nor copied for that.

What each of them would make once for its life is made once for all: the catalogues, all of which a host reads that tells Discord
its commands, and what the command line understands.
"""

from __future__ import annotations

import gc
from functools import cache

import typer.main

from host.cli.main import app
from host.words import catalogues

for language in catalogues.languages():
    catalogues.catalogue(language)
vars(typer.main)["get_command"] = cache(typer.main.get_command)
typer.main.get_command(app)

gc.collect()
gc.freeze()

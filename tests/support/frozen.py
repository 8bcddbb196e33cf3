"""Imported last by the process that others are forked of: what it holds is no more looked at for garbage, nor copied for that."""

from __future__ import annotations

import gc

gc.collect()
gc.freeze()

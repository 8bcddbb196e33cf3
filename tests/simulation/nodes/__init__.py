"""Several hosts on one database, in virtual time. Needs PostgreSQL's library, an extra, and no server."""

from importlib.util import find_spec

SEEDS = 4  # that the suite runs, of the 200 that `.ci/full` does
THERE = find_spec("psycopg") is not None

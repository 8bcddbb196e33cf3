"""`make attack`: tries every attack of this folder and prints what held. Exits 1 when one got through.

With `--load` ten hostile sessions run at full tilt beside an honest one, and its figures are judged too.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pytest
from rich.console import Console

from bench import hostile, writing
from tests.support.redteam import Seat
from tests.support.table import Attacks

WIDTH = 160  # characters, where no terminal says


def main(arguments: list[str]) -> int:
    load = "--load" in arguments
    given = [argument for argument in arguments if argument != "--load"]
    attacks = Attacks()
    here = str(Path(__file__).parent)
    status = pytest.main(
        [here, "-q", "-m", "attack and not honest", "-n", "auto", "--dist=loadgroup", *given], [attacks]
    )
    if load:
        _under_load(attacks)
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    attacks.print(console)
    return 0 if status == pytest.ExitCode.OK and attacks.passed else 1


def _under_load(attacks: Attacks) -> None:
    with tempfile.TemporaryDirectory(prefix="db-") as scratch:
        bodies, grown = hostile.measure(Path(scratch))
        rows, *_ = writing.measure(Path(scratch))
    for what, beside in (("bodies", bodies), ("rows", rows)):
        print(f"round trip beside {what} under attack: {beside.ratio:.2f} × calm")
    print(f"the host grew by {grown.figure:.0f} MiB")
    for name, held in {
        "ten hostile sessions at full tilt slow an eleventh to more than twice calm": bodies.holds,
        "ten sessions that write rows without an end slow an eleventh to more than twice calm": rows.holds,
        "ten hostile sessions at full tilt take more than 200 MiB of the host": grown.holds,
    }.items():
        attacks.note(f"load::{name}", Seat.CONTAINER, 15, "passed" if held else "failed")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

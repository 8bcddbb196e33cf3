"""Pictures as PNGs, by headless Chromium: `python -m tests.pictures FOLDER [ANSWER.md …]`.

Answers on both platforms, and without any named, what else the platforms show.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from bots.markup import discord, slack
from tests.pictures import discord_messages, discord_surfaces, slack_blocks, slack_surfaces, terminal_surfaces

SAMPLES = Path(__file__).with_name("samples")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking"
    " --disable-component-update --disable-sync --hide-scrollbars"
)

MEASURE = (
    "<script>document.body.dataset.height = Math.ceil(document.body.getBoundingClientRect().height)</script>"
)
SPARE = 300  # pixels more than the page has: a window that is low shows less than its height
HEIGHT = re.compile(r'data-height="(\d+)"')


def main(folder: Path, answers: list[Path]) -> None:
    browser = shutil.which("chromium") or shutil.which("chromium-browser")
    if browser is None:
        sys.exit("Pictures need Chromium: apt-get install -y chromium")
    folder.mkdir(parents=True, exist_ok=True)
    for answer in answers:
        markdown = answer.read_text(encoding="utf-8")
        pages = {
            "slack": slack_blocks.page(slack.render(markdown)),
            "discord": discord_messages.page(discord.render(markdown)),
        }
        for platform, page in pages.items():
            shoot(browser, page, folder / f"{answer.stem}-{platform}.png")
    if answers == everything():
        for name, page in (*slack_surfaces.pages(), *discord_surfaces.pages(), *terminal_surfaces.pages()):
            shoot(browser, page, folder / f"{name}.png")


def everything() -> list[Path]:
    return sorted(SAMPLES.glob("*.md"))


def shoot(browser: str, page: str, target: Path) -> None:
    """As high as the page is, which the page itself has to say."""
    with tempfile.TemporaryDirectory() as scratch:
        source = Path(scratch, "page.html")
        source.write_text(page + MEASURE, encoding="utf-8")
        command = [browser, *FLAGS.split(), f"--user-data-dir={scratch}/profile"]
        height = HEIGHT.search(_run(*command, "--window-size=780,200", "--dump-dom", source.as_uri()))
        if height is None:
            sys.exit(f"Chromium did not measure {target.name}")
        size = f"--window-size=780,{int(height[1]) + SPARE}"
        _run(*command, size, f"--screenshot={target}", source.as_uri())
    with Image.open(target) as whole:
        whole.crop((0, 0, whole.width, int(height[1]))).save(target)
    print(target)


def _run(*command: str) -> str:
    return subprocess.run(command, check=True, timeout=60, capture_output=True, text=True).stdout


if __name__ == "__main__":
    main(Path(sys.argv[1]), [Path(name) for name in sys.argv[2:]] or everything())

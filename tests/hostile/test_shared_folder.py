"""What one conversation leaves for the others of its scope is data: no tool of the image runs it, wherever it stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from docker.models.containers import Container

from host.ports.events import Author
from tests.support.dockers import containers_of, docker_config, docker_serving
from tests.support.redteam import Seat, attack, twin

pytest_plugins = ["tests.support.engine"]
pytestmark = [pytest.mark.docker, attack(Seat.CONTAINER, 8)]

ADA = Author("U1", "Ada")

LEAVE = r"""
set -e
mark='echo taken >>/shared/taken'
for place in /shared /shared/repo /workspace; do
    mkdir -p $place; cd $place
    /usr/bin/git init -q .
    /usr/bin/git config user.email a@example.org; /usr/bin/git config user.name A
    /usr/bin/git config core.fsmonitor "$mark; false"
    /usr/bin/git config core.pager "$mark; cat"
    /usr/bin/git config alias.st "!$mark"
    /usr/bin/git config core.alternateRefsCommand "$mark; false"
    mkdir -p .git/hooks
    for hook in post-checkout pre-receive post-receive update reference-transaction; do
        printf '#!/bin/sh\n%s\n' "$mark" >.git/hooks/$hook; chmod +x .git/hooks/$hook
    done
    for module in json sitecustomize usercustomize colorsys argparse traceback pydoc runner; do
        printf 'import os\nos.system("%s")\n' "$mark" >$place/$module.py
    done
    printf '%s\n' "$mark" | tee .bashrc .bash_profile .profile .bash_logout .envrc >/dev/null
    printf -- '-o /shared/taken\n' >.curlrc
    printf 'def x: error("taken"); ' >.jq
    printf -- '--pre=/shared/run\n' >.ripgreprc
    printf -- '--exec=/shared/run\n' >.proverc
    printf '#!/bin/sh\n%s\n' "$mark" | tee run ls git python3 rg jq curl >/dev/null
    chmod +x run ls git python3 rg jq curl
done
"""

USE = r"""
[ -n "$1" ] && cd "$1"
git status; git log; git st; git -C /shared/repo status; git --git-dir=/shared/repo/.git --work-tree=/shared/repo st
GIT_DIR=/shared/repo/.git git status
python3 -c 'import json, colorsys'; python -c 'import json, colorsys'; python -m json.tool </dev/null
bash -lic true; jq -n 1; rg nothing_here . ; ls; curl --version
for python in /usr/bin/python3.[0-9]*; do ${python##*/} -c 'import json, colorsys'; done
python3 -m pydoc json; pydoc3 colorsys; py3compile -V 3.11 run; prove --version
cd /workspace && rm -rf mine && git clone -q /shared/repo mine && git -C mine status
"""

# The next thing that somebody does with a clone.
PUSH = r"""
cd /workspace/mine && git config user.email b@example.org && git config user.name B
git commit -q --allow-empty -m more
git push origin HEAD:one; git push /shared/repo HEAD:two; git push file:///shared/repo HEAD:three
"""


def run(container: Container, script: str, *arguments: str) -> str:
    _, output = container.exec_run(["bash", "-c", script, "bash", *arguments])
    assert isinstance(output, bytes)
    return output.decode()


async def test_no_tool_runs_what_another_conversation_of_the_scope_left(tmp_path: Path, image: str) -> None:
    """Each conversation works in a folder of its own; the folder that a scope shares is never a tool's to trust."""
    async with docker_serving(docker_config(tmp_path, image)) as (_, bot):
        for channel in ("one", "two"):
            await bot.say(channel, "hello", author=ADA, privacy="public", mentioned=True)
            await bot.until(lambda channel=channel: len(bot.said(channel)) == 1)  # type: ignore[misc]
        first, second = containers_of(tmp_path, image)
        assert run(first, LEAVE) == ""
        assert "run" in run(second, "/bin/ls /shared"), "they share a folder, or this test shows nothing"
        for place in ("", "/shared", "/shared/repo"):
            said = run(second, USE, place)
            assert "lies in the shared folder" in said
            assert run(second, PUSH).count("git bundle create") == 3
            assert run(second, "cat /shared/taken 2>/dev/null") == "", f"from {place or 'its own folder'}"
        assert run(second, "cd /workspace && /bin/ls -A") == "mine\n"


@twin("test_no_tool_runs_what_another_conversation_of_the_scope_left")
async def test_the_trap_is_one_where_a_tool_is_asked_directly(tmp_path: Path, image: str) -> None:
    """Without the look at the folder the same repository runs its program: the test above would notice."""
    async with docker_serving(docker_config(tmp_path, image)) as (_, bot):
        await bot.say("one", "hello", author=ADA, privacy="public", mentioned=True)
        await bot.until(lambda: len(bot.said("one")) == 1)
        [container] = containers_of(tmp_path, image)
        run(container, LEAVE)
        run(container, "cd /shared/repo && /usr/bin/git status")
        assert "taken" in run(container, "cat /shared/taken")
        run(container, "rm /shared/taken; git clone -q /shared/repo /workspace/mine")
        run(container, PUSH.replace("push", "push --receive-pack='git receive-pack'"))
        assert "taken" in run(container, "cat /shared/taken")

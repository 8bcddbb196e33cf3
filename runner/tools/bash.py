"""A shell that lives as long as the runner: folder, variables and functions stay from call to call."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping
from pathlib import Path

from runner.tools.tool import Tool, ToolContext, ToolError
from sessiondb.layout import RUNNERS_OWN

LONGEST_OUTPUT = 30_000  # characters shown to the model; the whole is on disk
LONGEST_TIMEOUT = 3_600  # s a command may ask for
DEFAULT_TIMEOUT = 120  # s


class Shell:
    """One `bash` process, started by the first command and again after one that hung or ended it."""

    def __init__(self, workspace: Path) -> None:
        self._workspace = workspace
        self._private: Path | None = (
            None  # a folder that nobody else's container has: commands are sourced from it
        )
        self._process: asyncio.subprocess.Process | None = None
        self._one = asyncio.Lock()

    def tool(self) -> Tool:
        return Tool.of(self.bash, timeout=lambda arguments: _timeout(arguments) + 5.0)

    async def bash(self, context: ToolContext, command: str, timeout_seconds: int = DEFAULT_TIMEOUT) -> str:
        """Run a command in a bash shell that keeps its folder and variables between calls.

        Its folder is your workspace at first. Declare `timeout_seconds` for what takes longer than two minutes. Long output is
        cut in the middle; the whole of it is in the file that is named then.
        """
        if not 0 < timeout_seconds <= LONGEST_TIMEOUT:
            raise ToolError(f"timeout_seconds must be between 1 and {LONGEST_TIMEOUT}")
        async with self._one:
            log = self._workspace / RUNNERS_OWN / "output" / f"{os.urandom(4).hex()}.txt"
            log.parent.mkdir(parents=True, exist_ok=True)
            try:
                async with asyncio.timeout(timeout_seconds):
                    code = await self._run(command, log)
            except TimeoutError as error:
                await self.close()
                text = f"stopped after {timeout_seconds} s; the shell starts anew\n{self._shown(log)}"
                raise ToolError(text) from error
            except asyncio.CancelledError:
                await self.close()
                raise
        text = self._shown(log)
        return f"{text}\n(exit status {code})".lstrip() if code else text or "(no output)"

    async def close(self) -> None:
        """Ends the shell and everything it started."""
        process, self._process = self._process, None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
        private, self._private = self._private, None
        if private is not None:
            from shutil import rmtree

            rmtree(private, ignore_errors=True)

    async def _run(self, command: str, log: Path) -> int:
        process = await self._started()
        assert process.stdin is not None  # noqa: S101 - it is a pipe
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        mark = os.urandom(16).hex()
        if self._private is None or not self._private.is_dir():
            from tempfile import mkdtemp

            self._private = Path(mkdtemp(prefix="shell-"))
        script = self._private / f"{mark}.sh"
        script.write_text(command, encoding="utf-8")
        # Sourced from a file: a syntax error or an open quote cannot swallow the mark that ends the command.
        line = f"{{ . {_quoted(script)}; }} </dev/null >{_quoted(log)} 2>&1; echo {mark} $?\n"
        process.stdin.write(line.encode())
        await process.stdin.drain()
        try:
            while said := await process.stdout.readline():
                if said.startswith(mark.encode()):
                    return int(said.split()[1])
        finally:
            script.unlink(missing_ok=True)
        self._process = None
        return await process.wait()

    async def _started(self) -> asyncio.subprocess.Process:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                "bash",
                "--noprofile",
                "--norc",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                cwd=self._workspace,
                start_new_session=True,
            )
        return self._process

    def _shown(self, log: Path) -> str:
        """The output when it is short; else both ends of it, and where the whole is."""
        try:
            size = log.stat().st_size
            with log.open("rb") as source:
                head = source.read(LONGEST_OUTPUT * 4)
                source.seek(max(0, size - LONGEST_OUTPUT * 4))
                tail = source.read()
        except OSError:
            return ""
        text = head.decode("utf-8", "replace")
        if size <= len(head) and len(text) <= LONGEST_OUTPUT:
            log.unlink(missing_ok=True)
            return text.rstrip("\n")
        half = LONGEST_OUTPUT // 2
        name = log.relative_to(self._workspace)
        cut = f"\n… cut: {size} bytes in all, the whole is in {name} …\n"
        return text[:half] + cut + tail.decode("utf-8", "replace")[-half:].rstrip("\n")


def _timeout(arguments: Mapping[str, object]) -> float:
    asked = arguments.get("timeout_seconds", DEFAULT_TIMEOUT)
    return float(asked) if isinstance(asked, int) and 0 < asked <= LONGEST_TIMEOUT else float(DEFAULT_TIMEOUT)


def _quoted(path: Path) -> str:
    return "'" + str(path).replace("'", "'\\''") + "'"

"""Notes that outlive the conversation: the commands of the API's memory tool, over `memories/` of the shared folder.

That folder belongs to one privacy scope, so what is noted in a DM stays there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from runner.tools import files
from runner.tools.paths import inside
from runner.tools.tool import ToolContext, ToolError

ROOT = "/memories"


async def memory(
    context: ToolContext,
    command: Literal["view", "create", "str_replace", "insert", "delete", "rename"],
    path: str = "",
    file_text: str = "",
    old_str: str = "",
    new_str: str = "",
    insert_line: int = 0,
    insert_text: str = "",
    old_path: str = "",
    new_path: str = "",
) -> str:
    """Keep notes under /memories that later conversations can read. View /memories before you start a longer task.

    view: a folder or file at `path`. create: `path`, `file_text`. str_replace: `path`, `old_str` (exactly once), `new_str`.
    insert: `path`, `insert_line` (0 = at the top), `insert_text`. delete: `path`. rename: `old_path`, `new_path`.
    """
    notes = _Notes(context.shared / "memories")
    match command:
        case "view":
            return notes.view(path or ROOT)
        case "create":
            return notes.create(path, file_text)
        case "str_replace":
            return "edited:\n" + files.replace_once(notes.file(path), path, old_str, new_str)
        case "insert":
            return notes.insert(path, insert_line, insert_text)
        case "delete":
            return notes.delete(path)
        case "rename":
            return notes.rename(old_path, new_path)


class _Notes:
    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def at(self, named: str) -> Path:
        if named != ROOT and not named.startswith(f"{ROOT}/"):
            raise ToolError(f"a path starts with {ROOT}, not {named!r}")
        return inside(self._root, named.removeprefix(ROOT).lstrip("/"))

    def file(self, named: str) -> Path:
        path = self.at(named)
        if not path.is_file():
            raise ToolError(f"there is no file {named}")
        return path

    def view(self, named: str) -> str:
        path = self.at(named)
        if path.is_file():
            lines = files.read_text(path, named).splitlines()
            return files.numbered(lines, 1, len(lines))
        if not path.is_dir():
            raise ToolError(f"the path {named} does not exist")
        listed = sorted(entry.relative_to(path).as_posix() for entry in path.rglob("*") if entry.is_file())
        return "\n".join(listed[: files.MOST_ENTRIES]) or "(nothing noted yet)"

    def create(self, named: str, text: str) -> str:
        path = self.at(named)
        if path == self._root.resolve() or path.is_dir():
            raise ToolError(f"{named} is a folder")
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_text(path, text)
        return f"created {named}"

    def insert(self, named: str, line: int, text: str) -> str:
        path = self.file(named)
        lines = files.read_text(path, named).splitlines()
        if not 0 <= line <= len(lines):
            raise ToolError(f"insert_line must be between 0 and {len(lines)}")
        lines.insert(line, text.rstrip("\n"))
        files.write_text(path, "\n".join(lines) + "\n")
        return f"edited {named}"

    def delete(self, named: str) -> str:
        path = self.at(named)
        if path == self._root.resolve():
            raise ToolError(f"{ROOT} itself stays")
        if path.is_dir():
            from shutil import rmtree

            rmtree(path)
        elif path.is_file():
            path.unlink()
        else:
            raise ToolError(f"the path {named} does not exist")
        return f"deleted {named}"

    def rename(self, old: str, new: str) -> str:
        source, target = self.at(old), self.at(new)
        if source == self._root.resolve() or not source.exists():
            raise ToolError(f"the path {old} does not exist or cannot be moved")
        if target.exists():
            raise ToolError(f"{new} exists already")
        target.parent.mkdir(parents=True, exist_ok=True)
        source.rename(target)
        return f"renamed {old} to {new}"

"""Finds the files to ingest under paths and reads them: never through a link out of the folder, never a device."""
# ruff: noqa: PTH100, PTH114, PTH116, PTH118, PTH119
# (paths are bytes here, which pathlib cannot hold)

from __future__ import annotations

import errno
import os
import stat
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ragqa.documents import formats
from ragqa.errors import DocumentError, UsageError

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

IGNORE_FILE = b".ragqaignore"
INDEX_FOLDER = b".ragqa"

_LARGEST_IGNORE_FILE = 1 << 20
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """A path to ingest, or one to leave out with the `reason` and its `code`.

    `path` is absolute, `display` is how the user would name it, `root` the absolute path of the argument it came from.
    Codes: `missing`, `unreadable`, `unsupported`, `link`, `special`, `index`; "" where the file is to be read.
    """

    path: bytes
    display: str
    root: bytes
    size: int = 0
    mtime_ns: int = 0
    reason: str | None = None
    code: str = ""


def absolute(path: bytes) -> bytes:
    """`path` from the root folder on, without `.` and `..`; links in it stay what they are."""
    return os.path.abspath(path)


def display(path: bytes) -> str:
    """`path` as it may be shown: bytes that are no text and characters that cannot be seen are written as escapes."""
    text = os.fsdecode(path)
    if text.isprintable():
        return text
    return "".join(map(_visible, text))


def _visible(character: str) -> str:
    if character.isprintable() or unicodedata.category(character) == "Zs":
        return character
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    named = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character)
    return named or (f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}")


def discover(
    paths: Sequence[bytes],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    hidden: bool = False,
    index_dir: bytes | None = None,
) -> Iterator[Found]:
    """Every file under `paths`, each once, in the order given and then by name.

    A path that is given is taken even if it is hidden or excluded. `include` and `exclude` are patterns as in
    `.gitignore`, for what lies below it. What cannot be used is yielded with its reason; what is ignored is not.
    """
    walk = _Walk(_patterns(include), _patterns(exclude), hidden, absolute(index_dir) if index_dir else None)
    for given in paths:
        yield from walk.below(given)


def _patterns(lines: Sequence[str]) -> GitIgnoreSpec | None:
    from pathspec import GitIgnoreSpec

    if not lines:
        return None
    try:
        return GitIgnoreSpec.from_lines(lines)
    except ValueError as error:
        raise UsageError(f"a pattern cannot be understood: {error}") from error


@dataclass(frozen=True, slots=True)
class _Folder:
    """A folder being walked. `below` is its path under the root, with a slash at the end ("" for the root)."""

    path: bytes
    below: str
    rules: tuple[tuple[str, GitIgnoreSpec], ...]


class _Walk:
    def __init__(
        self, include: GitIgnoreSpec | None, exclude: GitIgnoreSpec | None, hidden: bool, index_dir: bytes | None
    ) -> None:
        self._include = include
        self._exclude = exclude
        self._hidden = hidden
        self._index_dir = index_dir
        self._seen: set[bytes] = set()

    def below(self, given: bytes) -> Iterator[Found]:
        root = absolute(given)
        name = os.path.normpath(given)
        try:
            status = os.stat(root)
        except OSError as error:
            if self._is_new(root):
                yield _unusable(root, display(name), root, error)
            return
        if self._is_index(root) or INDEX_FOLDER in root.split(b"/"):
            yield Found(root, display(name), root, reason="this is the index itself", code="index")
        elif stat.S_ISDIR(status.st_mode):
            yield from self._tree(root, b"" if name == b"." else name)
        elif self._is_new(root):
            yield _judge(root, display(name), root, status)

    def _tree(self, root: bytes, name: bytes) -> Iterator[Found]:
        """All below a folder, without recursion: a tree may be deeper than Python's stack."""
        real_root = os.path.realpath(root)
        stack: list[Iterator[Found | _Folder]] = [iter([_Folder(root, "", ())])]
        while stack:
            item = next(stack[-1], None)
            if item is None:
                stack.pop()
            elif isinstance(item, _Folder):
                stack.append(self._folder(item, root, real_root, name))
            else:
                yield item

    def _folder(self, folder: _Folder, root: bytes, real_root: bytes, name: bytes) -> Iterator[Found | _Folder]:
        def shown(path: bytes) -> str:
            return display(os.path.join(name, os.path.relpath(path, root)) if path != root else name or b".")

        try:
            with os.scandir(folder.path) as entries:
                listed = sorted(entries, key=lambda entry: entry.name)
            rules = folder.rules + self._ignore_file(folder, {entry.name for entry in listed})
        except OSError as error:
            yield _unusable(folder.path, shown(folder.path), root, error)
            return
        for entry in listed:
            if entry.name.startswith(b".") and not self._hidden:
                continue
            below = folder.below + os.fsdecode(entry.name)
            try:
                is_folder = entry.is_dir(follow_symlinks=False)
                if entry.name == IGNORE_FILE or self._is_left_out(below, rules, is_folder=is_folder):
                    continue
                if is_folder:
                    if not self._is_index(entry.path) and entry.name != INDEX_FOLDER:
                        yield _Folder(entry.path, below + "/", rules)
                elif self._is_new(entry.path):
                    yield self._file(entry, shown(entry.path), root, real_root)
            except OSError as error:
                yield _unusable(entry.path, shown(entry.path), root, error)

    def _ignore_file(self, folder: _Folder, names: set[bytes]) -> tuple[tuple[str, GitIgnoreSpec], ...]:
        if IGNORE_FILE not in names:
            return ()
        path = os.path.join(folder.path, IGNORE_FILE)
        try:
            data, _ = read(path, max_bytes=_LARGEST_IGNORE_FILE)
        except DocumentError as error:
            # Going on without it would index what someone wanted left out.
            raise OSError(errno.EIO, f"its {display(IGNORE_FILE)} cannot be read: {error.message}") from error
        spec = _patterns(data.decode("utf-8-sig", "surrogateescape").splitlines())
        return ((folder.below, spec),) if spec else ()

    def _is_left_out(self, below: str, rules: tuple[tuple[str, GitIgnoreSpec], ...], *, is_folder: bool) -> bool:
        path = below + "/" if is_folder else below
        for prefix, spec in reversed(rules):  # the nearest ignore file that says anything decides
            verdict = spec.check_file(path[len(prefix) :]).include
            if verdict is not None:
                if verdict:
                    return True
                break
        if self._exclude is not None and self._exclude.match_file(path):
            return True
        return self._include is not None and not is_folder and not self._include.match_file(path)

    def _file(self, entry: os.DirEntry[bytes], shown: str, root: bytes, real_root: bytes) -> Found:
        if not entry.is_symlink():
            return _judge(entry.path, shown, root, entry.stat(follow_symlinks=False))
        try:
            target = os.path.realpath(entry.path, strict=True)
            status = os.stat(target)
        except OSError:
            return Found(entry.path, shown, root, reason="the link leads nowhere", code="link")
        if not is_inside(target, real_root):
            return Found(entry.path, shown, root, reason="the link leads out of the folder", code="link")
        if stat.S_ISDIR(status.st_mode):
            return Found(entry.path, shown, root, reason="links to folders are not followed", code="link")
        return _judge(entry.path, shown, root, status)

    def _is_index(self, path: bytes) -> bool:
        return self._index_dir is not None and is_inside(path, self._index_dir)

    def _is_new(self, path: bytes) -> bool:
        if path in self._seen:
            return False
        self._seen.add(path)
        return True


def _judge(path: bytes, shown: str, root: bytes, status: os.stat_result) -> Found:
    """A path that exists: to be read, or why not."""
    if not stat.S_ISREG(status.st_mode):
        return Found(path, shown, root, reason="not a regular file", code="special")
    reason = formats.unsupported(os.fsdecode(os.path.basename(path)))
    code = "unsupported" if reason else ""
    return Found(path, shown, root, status.st_size, status.st_mtime_ns, reason, code)


def _unusable(path: bytes, shown: str, root: bytes, error: OSError) -> Found:
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return Found(path, shown, root, reason="no such file or folder", code="missing")
    return Found(path, shown, root, reason=f"cannot be read: {error.strerror}", code="unreadable")


def is_inside(path: bytes, folder: bytes) -> bool:
    """Whether `path` is `folder` or lies below it; both from the root folder on, judged by their names alone."""
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")


def read(path: bytes, *, max_bytes: int, root: bytes | None = None) -> tuple[bytes, os.stat_result]:
    """All bytes of a regular file, and its status as of those bytes. With `root`, a link must not lead out of it.

    Raises DocumentError: `unreadable`, `too_large` (judged by the size alone, before anything is read) or `changed`.
    """
    try:
        # The last part must not be a link any more, so that swapping the file for one after the walk gains nothing.
        target = os.path.realpath(path) if os.path.islink(path) else path
        if root is not None and not is_inside(os.path.realpath(target), os.path.realpath(root)):
            raise DocumentError("the link leads out of the folder", code="unreadable")
        handle = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        try:
            return _read_open(handle, max_bytes)
        finally:
            os.close(handle)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP):
            raise DocumentError("the file vanished before it was read", code="changed") from error
        raise DocumentError(f"cannot be read: {error.strerror}", code="unreadable") from error
    except ValueError as error:  # a zero byte in the path
        raise DocumentError(f"cannot be read: {error}", code="unreadable") from error


def _read_open(handle: int, max_bytes: int) -> tuple[bytes, os.stat_result]:
    before = os.fstat(handle)
    if not stat.S_ISREG(before.st_mode):
        raise DocumentError("not a regular file", code="unreadable")
    if before.st_size > max_bytes:
        raise DocumentError(
            f"the file has {before.st_size / 1e6:,.0f} MB, more than ingest.max_file_mb allows ({max_bytes >> 20})",
            code="too_large",
            remedy="split it, or raise ingest.max_file_mb",
        )
    pieces = []
    left = before.st_size + 1  # one more than there should be, to notice a file that grows
    while left > 0 and (piece := os.read(handle, min(left, _PIECE))):
        pieces.append(piece)
        left -= len(piece)
    after = os.fstat(handle)
    if left != 1 or (after.st_size, after.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
        raise DocumentError("the file changed while it was being read", code="changed", remedy="run ingest again")
    return b"".join(pieces), after

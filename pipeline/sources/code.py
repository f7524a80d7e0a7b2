r"""Code: source trees, git repositories and archives to documents, one per file.

In:  a folder; a git repository (bare or not) of which one commit is read; archives. Files that the source's `exclude` names are no records,
     nor are the version control's own folders (.git, .hg, .svn); everything else is one.
Out: text files of a known language, named `folder/path`, `repository@commit:path` or `archive!path`.
Lost: nothing in silence. Rejects: links, submodules, devices, and what `code_file` refuses.

Paths are bytes on disk and text here: a backslash is written `\\`, a control character or a byte that is not UTF-8 `\x0a`. So every
path is valid Unicode on one line, and two never become one.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path

from filters.licences.licence import UNKNOWN, file_licence
from pipeline.settings.extract import Extract
from pipeline.settings.sources import Source
from pipeline.sources import code_archives
from pipeline.sources.code_file import File, judge
from pipeline.sources.code_licences import Licences, states_licence
from pipeline.sources.git import GitError, clone, clone_name, commit_of, is_repository, list_files, open_blobs, short_name
from pipeline.sources.records import Document, Outcome, Reject, Tally

__all__ = ["archive_outcomes", "clone", "clone_name", "is_repository", "list_commit", "list_tree", "outcomes"]

VERSION_CONTROL = frozenset({".git", ".hg", ".svn"})

_HIDDEN = re.compile(r"[\\\x00-\x1f\x7f\udc80-\udcff]")
_SHOWN = re.compile(rb"\\(?:\\|x([0-9a-f]{2}))")


def list_tree(root: Path, exclude: Sequence[str] = ()) -> list[tuple[str, int, str]]:
    """Path, size in bytes and stamp of every file of a folder, sorted by path, links and devices among them.

    A folder that may not be listed stands for its content, with a `/` at its end.

    Args:
        root: the folder; links in it are not followed.
        exclude: shell patterns over the path within `root`, in which `*` matches `/` too.
    """
    return [(file.path, file.size, file.stamp) for file in _tree_files(root, exclude)]


def list_commit(repository: Path, exclude: Sequence[str] = (), revision: str = "HEAD") -> tuple[str, list[tuple[str, int, str]]]:
    """The commit's full object name, and path, size in bytes and object name of every file in it, sorted by path.

    Args:
        repository: bare or not.
        exclude: as for `list_tree`.
        revision: branch, tag or commit.

    Raises:
        ValueError: there is no such commit, or it cannot be read.
    """
    try:
        commit = commit_of(repository, revision)
        return commit, [(file.path, file.size, file.stamp) for file in _commit_files(repository, commit, exclude)]
    except GitError as error:
        raise ValueError(f"{str(repository)!r} cannot be read as a git repository at {revision!r}: {error}") from error


def outcomes(
    root: Path | str,
    source: Source,
    extract: Extract,
    tally: Tally,
    paths: Sequence[str] | None = None,
    *,
    revision: str = "HEAD",
) -> Iterator[Outcome]:
    """One document or reject per file, sorted by path.

    Args:
        root: folder or repository.
        source: its `exclude` patterns, and its licence where neither the file nor a LICENSE above it states one.
        extract: `max_record_bytes` bounds a file.
        tally: counts each file, and its bytes.
        paths: read only these, as `list_tree` or `list_commit` gave them; None: all that `exclude` leaves. Licences are looked for in
            the whole tree in any case, so groups of paths together give what all at once give.
        revision: what to read of a repository.
    """
    root = Path(root)
    if is_repository(root):
        yield from _commit_outcomes(root, source, extract, tally, paths, revision=revision)
    else:
        yield from _tree_outcomes(root, source, extract, tally, paths)


def _tree_outcomes(root: Path, source: Source, extract: Extract, tally: Tally, paths: Sequence[str] | None) -> Iterator[Outcome]:
    files = _tree_files(root, source.exclude) if paths is None else [_tree_file(root, path) for path in sorted(set(paths))]

    def read(file: File) -> bytes:
        return _read_regular(root, file.path, extract.max_record_bytes + 1)

    def licences_in(folder: str) -> Iterable[File]:
        try:
            names = sorted(os.listdir(os.fsencode(root) + b"/" + _raw(folder)))  # noqa: PTH208  pathlib has no paths of bytes
        except OSError:
            return []
        found = [_shown(name) for name in names if states_licence(_shown(name))]
        return [file for name in found if not (file := _tree_file(root, f"{folder}/{name}" if folder else name)).refused]

    name = _shown(os.fsencode(root.resolve().name))
    licences = Licences(licences_in, read)
    for file in files:
        yield _counted(file, f"{name}/{file.path}", licences, read=read, source=source, extract=extract, tally=tally)


def _commit_outcomes(
    root: Path, source: Source, extract: Extract, tally: Tally, paths: Sequence[str] | None, *, revision: str
) -> Iterator[Outcome]:
    name = _shown(short_name(root).encode("utf-8", "surrogateescape"))
    try:
        commit = commit_of(root, revision)
        everything = _commit_files(root, commit, ())
    except GitError as error:
        for path in [""] if paths is None else sorted(set(paths)):
            tally.records += 1
            yield Reject(f"{name}@{revision}:{path}", "unreadable repository", str(error))
        return
    wanted = None if paths is None else set(paths)
    files = [file for file in everything if (not _excluded(file.path, source.exclude) if wanted is None else file.path in wanted)]
    by_folder: dict[str, list[File]] = {}
    for file in everything:
        folder, _, last = file.path.rpartition("/")
        if not file.refused and states_licence(last):
            by_folder.setdefault(folder, []).append(file)
    for path in sorted((wanted or set()) - {file.path for file in files}):
        tally.records += 1
        yield Reject(f"{name}@{commit}:{path}", "not in the commit", "the repository changed after it was listed")
    with open_blobs(root) as blobs:

        def read(file: File) -> bytes:
            return blobs.read(file.stamp)

        licences = Licences(lambda folder: by_folder.get(folder, []), read)
        for file in files:
            yield _counted(file, f"{name}@{commit}:{file.path}", licences, read=read, source=source, extract=extract, tally=tally)


def archive_outcomes(path: str, source: Source, extract: Extract, tally: Tally) -> Iterator[Outcome]:
    """One document or reject per file of an archive, in its order.

    Args:
        path: local or remote; it begins the locators as it is given here.
        source: as for `outcomes`; `exclude` is for the paths within the archive.
        extract: `max_record_bytes` bounds a file, and 16 times as much the whole.
        tally: counts each file, and the archive's bytes as they inflate.

    Raises:
        ValueError: it cannot be opened.
    """
    archive = _shown(path.encode("utf-8", "surrogateescape"))
    if not code_archives.is_archive(path):
        tally.records += 1
        yield Reject(archive, "not an archive", "neither ZIP nor tar by its first bytes")
        return
    licences = code_archives.licences_of(path, extract)
    for item in code_archives.members(path, extract):
        if isinstance(item, Reject):
            tally.records += 1
            yield replace(item, locator=archive)
            continue
        file, read = item
        if VERSION_CONTROL.intersection(file.path.split("/")) or _excluded(file.path, source.exclude):
            continue
        name = _shown(file.path.encode("utf-8", "surrogateescape"))
        yield _counted(file, f"{archive}!{name}", licences, read=read, source=source, extract=extract, tally=tally)


def _counted(
    file: File,
    locator: str,
    licences: Licences,
    *,
    read: Callable[[File], bytes],
    source: Source,
    extract: Extract,
    tally: Tally,
) -> Outcome:
    tally.records += 1
    tally.bytes += file.size
    if file.refused:
        return Reject(locator, file.refused, file.error, 0, file.size)
    judged = judge(file, read, extract)
    if judged.reason:
        return Reject(locator, judged.reason, judged.error, 0, file.size)
    licence = file_licence(judged.text)
    if licence == UNKNOWN:
        licence = licences.of(file.path.rpartition("/")[0]) or source.licence
    title = file.path.rpartition("/")[2]
    return Document(locator, judged.text, title, licence, None, 0, file.size, stated_language=judged.language)


def _tree_files(root: Path, exclude: Sequence[str]) -> list[File]:
    base = os.fsencode(root)
    files: list[File] = []
    folders = [b""]
    while folders:
        folder = folders.pop()
        try:
            entries = list(os.scandir(base + b"/" + folder))
        except OSError as error:
            shown = _shown(folder)
            files.append(File(f"{shown}/" if shown else "", 0, "", "unreadable", f"{type(error).__name__}: {error}"))
            continue
        for entry in entries:
            raw = folder + b"/" + entry.name if folder else entry.name
            if entry.is_dir(follow_symlinks=False):
                if os.fsdecode(entry.name) not in VERSION_CONTROL:
                    folders.append(raw)
            else:
                files.append(_tree_file(root, _shown(raw)))
    return sorted((file for file in files if not _excluded(file.path, exclude)), key=lambda file: file.path)


def _tree_file(root: Path, path: str) -> File:
    """What may be said of a path without opening it."""
    raw = _raw(path)
    parts = raw.rstrip(b"/").split(b"/")
    if raw.startswith(b"/") or b".." in parts:
        return File(path, 0, "", "path leaves the tree")
    place = os.fsencode(root)
    try:
        for number, part in enumerate(parts):
            place += b"/" + part
            status = os.lstat(place)
            if stat.S_ISLNK(status.st_mode):
                return File(
                    path,
                    0,
                    "",
                    "symbolic link",
                    f"to {_shown(os.fsencode(Path(os.fsdecode(place)).readlink()))}" if number == len(parts) - 1 else "in its folder",
                )
        if path.endswith("/") or not path:
            os.listdir(place)  # noqa: PTH208  raises what listing it raised
    except OSError as error:
        return File(path, 0, "", "unreadable", f"{type(error).__name__}: {error}")
    if not stat.S_ISREG(status.st_mode):
        return File(path, 0, "", "not a regular file")
    return File(path, status.st_size, f"{status.st_size}-{status.st_mtime_ns}")


def _read_regular(root: Path, path: str, most: int) -> bytes:
    """At most so many bytes of a regular file; a link, a pipe or a device that has taken its place is not opened or waited for."""
    descriptor = os.open(os.fsencode(root) + b"/" + _raw(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a regular file")
        return file.read(most)


def _commit_files(repository: Path, commit: str, exclude: Sequence[str]) -> list[File]:
    refusals = {"120000": "symbolic link", "160000": "submodule"}
    files = [File(_shown(entry.path), entry.size, entry.blob, refusals.get(entry.mode, "")) for entry in list_files(repository, commit)]
    return sorted((file for file in files if not _excluded(file.path, exclude)), key=lambda file: file.path)


def _excluded(path: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(path, pattern) for pattern in patterns)


def _shown(raw: bytes) -> str:
    text = raw.decode("utf-8", "surrogateescape")
    return _HIDDEN.sub(lambda found: "\\\\" if found[0] == "\\" else f"\\x{ord(found[0]) & 0xFF:02x}", text)


def _raw(path: str) -> bytes:
    return _SHOWN.sub(lambda found: bytes([int(found[1], 16)]) if found[1] else b"\\", path.encode("utf-8"))

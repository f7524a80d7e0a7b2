"""Whether a repository's own folder leads git out of it: links, alternates, a `.git` that stands for another, included configuration.

A repository is data that others wrote. What git would follow from it into other folders, or wait for without end, is refused before git is
started; what its configuration may name as a command is switched off in `git`.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

# What `rev-parse`, `ls-tree`, `cat-file` and `config` read. Hooks are often links and are never looked at.
READ_FILES = ("HEAD", "config", "config.worktree", "packed-refs", "shallow", "commondir")
READ_FOLDERS = ("refs", "objects", "info", "reftable")
CONFIG_BYTES = 1 << 20

# Git also reads a section that begins behind another one on its line. Possessive and within a line: a megabyte of blanks stays linear.
_INCLUDE = re.compile(rb"\[\s*+include", re.IGNORECASE)
_WORKTREE = re.compile(r"^[^\S\n]*+worktree[^\S\n]*+=[^\S\n]*+(.{1,4000})$", re.IGNORECASE | re.MULTILINE)


def leads_out(repository: Path) -> str:
    """What in a repository leads out of it, in words that say what to do; '' where nothing does.

    Args:
        repository: bare, or with a `.git` in it that may be that of a worktree or a submodule.

    Raises:
        OSError: a part of it cannot be looked at.
    """
    inner = repository / ".git"
    if inner.is_symlink():
        return f".git is a link to {str(inner.readlink())!r}; give that repository itself"
    if inner.is_file():
        return _gitfile_leads_out(repository, inner)
    return _folder_leads_out(inner if inner.exists() else repository, common=True)


def _gitfile_leads_out(repository: Path, inner: Path) -> str:
    """A worktree's or a submodule's `.git` names a folder elsewhere. That folder has to name this one too, which a stranger's cannot."""
    word, _, stated = inner.read_bytes()[:5000].decode("utf-8", "surrogateescape").strip().partition(": ")
    folder = (repository / stated).resolve()
    if word != "gitdir" or not folder.is_dir():
        return ".git is a file that names no repository"
    back = folder / "gitdir"
    if _is_regular(back):
        if (folder / _line(back)).resolve() != inner.resolve():
            return f".git stands for {stated!r}, which is another folder's; give that one itself"
        common = (folder / _line(folder / "commondir")).resolve() if _is_regular(folder / "commondir") else folder
        return _folder_leads_out(folder, common=False) or _folder_leads_out(common, common=True)
    config = folder / "config"
    tree = _WORKTREE.search(config.read_bytes()[:CONFIG_BYTES].decode("utf-8", "surrogateescape")) if _is_regular(config) else None
    if tree is None or (folder / tree[1].strip().strip('"')).resolve() != repository.resolve():
        return f".git stands for {stated!r}, which is another folder's; give that one itself"
    return _folder_leads_out(folder, common=True)


def _folder_leads_out(folder: Path, *, common: bool) -> str:
    root = folder.resolve()
    for path in _read_paths(folder):
        mode = path.lstat().st_mode
        if stat.S_ISLNK(mode) and not path.resolve().is_relative_to(root):
            return f"{path.relative_to(folder)} is a link out of it; give a full clone"
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
            return f"{path.relative_to(folder)} is no regular file"
    if common and (folder / "commondir").exists():
        return "commondir stands for another folder; give that one itself"
    alternates = folder / "objects" / "info" / "alternates"
    if alternates.exists() and alternates.read_bytes().strip():
        return "its objects lie in another folder (objects/info/alternates); run `git repack -a -d` in it and remove that file"
    for name in ("config", "config.worktree"):
        config = folder / name
        if config.exists() and (config.stat().st_size > CONFIG_BYTES or _INCLUDE.search(config.read_bytes())):
            return f"{name} includes other files; remove its [include] sections"
    return ""


def _read_paths(folder: Path) -> Iterator[Path]:
    yield from (path for name in READ_FILES if (path := folder / name).is_symlink() or path.exists())
    for name in READ_FOLDERS:
        top = folder / name
        if top.is_symlink() or top.exists():
            yield top
        for place, folders, files in os.walk(top):
            yield from (Path(place, one) for one in (*folders, *files))


def _is_regular(path: Path) -> bool:
    return not path.is_symlink() and path.is_file()


def _line(path: Path) -> str:
    return path.read_bytes()[:5000].decode("utf-8", "surrogateescape").strip()

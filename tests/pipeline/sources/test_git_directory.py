"""Repositories whose own folder leads elsewhere, and those that only look so; all made by real git."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from pipeline.settings.extract import Extract
from pipeline.sources import code
from pipeline.sources.git_directory import leads_out
from pipeline.sources.records import Document, Reject, Tally
from tests.pipeline.sources.test_code import commit, run_git, source, write


@pytest.fixture
def private(tmp_path) -> Path:
    """A repository of the user's that no stranger may have read."""
    return commit(write(tmp_path / "private", {b"mine.py": b"secret = 1\n"}))


@pytest.fixture
def repository(tmp_path) -> Path:
    return commit(write(tmp_path / "theirs", {b"a.py": b"x = 1\n"}))


def refused(root: Path) -> str:
    """The words of the one reject that a repository gives."""
    (outcome,) = code.outcomes(root, source(), Extract(), Tally())
    assert isinstance(outcome, Reject)
    assert outcome.reason == "unreadable repository"
    assert "secret = 1" not in repr(outcome)
    with pytest.raises(ValueError, match="cannot be read as a git repository"):
        code.list_commit(root)
    return outcome.error


def texts(root: Path) -> list[str]:
    return [outcome.text for outcome in code.outcomes(root, source(), Extract(), Tally()) if isinstance(outcome, Document)]


def test_a_git_file_that_stands_for_another_repository(tmp_path, private):
    inside = write(tmp_path / "stranger", {b"a.py": b"x = 1\n", b".git": f"gitdir: {private}/.git\n".encode()})
    assert "another folder" in refused(inside)
    (inside / ".git").unlink()
    (inside / ".git").symlink_to(private / ".git")
    assert "is a link" in refused(inside)
    run_git(private, "worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"))
    (inside / ".git").unlink()
    shutil.copy(tmp_path / "tree" / ".git", inside / ".git")
    assert "another folder" in refused(inside)


def test_worktrees_and_submodules_of_one_s_own_are_read(tmp_path, private):
    run_git(private, "worktree", "add", "--quiet", "--detach", str(tmp_path / "tree"))
    assert texts(tmp_path / "tree") == ["secret = 1\n"]
    outer = commit(write(tmp_path / "outer", {b"a.py": b"x = 1\n"}))
    run_git(outer, "submodule", "--quiet", "add", str(private), "module")
    assert texts(outer / "module") == ["secret = 1\n"]


def test_objects_of_another_folder(tmp_path, private, repository):
    shared = tmp_path / "shared"
    run_git(tmp_path, "clone", "--quiet", "--shared", str(private), str(shared))
    assert "alternates" in refused(shared)
    run_git(shared, "repack", "-a", "-d", "--quiet")
    (shared / ".git" / "objects" / "info" / "alternates").unlink()
    assert texts(shared) == ["secret = 1\n"]
    shutil.rmtree(repository / ".git" / "objects")
    (repository / ".git" / "objects").symlink_to(private / ".git" / "objects")
    assert "objects is a link" in refused(repository)


@pytest.mark.parametrize("name", ["HEAD", "config", "packed-refs", "refs/heads/main", "commondir"])
def test_links_out_of_the_folder(repository, private, name):
    place = repository / ".git" / name
    place.unlink(missing_ok=True)
    place.symlink_to(private / ".git" / name)
    assert "link" in refused(repository) or name == "commondir"


def test_a_common_folder_elsewhere(repository, private):
    (repository / ".git" / "commondir").write_text(f"{private}/.git\n")
    assert "commondir" in refused(repository)


@pytest.mark.parametrize("section", ["[include]\n\tpath = {}\n", '[includeIf "gitdir:/"]\n\tpath = {}\n', "  [INCLUDE] path = {}\n"])
def test_configuration_of_other_files(tmp_path, repository, section):
    """A pipe among them would be waited for without end."""
    os.mkfifo(tmp_path / "pipe")
    with (repository / ".git" / "config").open("a") as config:
        config.write(section.format(tmp_path / "pipe"))
    assert "include" in refused(repository)


@pytest.mark.parametrize("name", ["HEAD", "config", "objects/info/alternates", "packed-refs", "refs/heads/other", "objects/pack/x.idx"])
def test_pipes_in_the_folder_are_not_waited_for(repository, name):
    place = repository / ".git" / name
    place.unlink(missing_ok=True)
    place.parent.mkdir(exist_ok=True)
    os.mkfifo(place)
    assert "no regular file" in refused(repository)


def test_hooks_may_be_links(tmp_path, repository):
    (tmp_path / "hook").write_text(f"#!/bin/sh\ntouch {tmp_path / 'mark'}\n")
    (tmp_path / "hook").chmod(0o755)
    hooks = repository / ".git" / "hooks"
    hooks.mkdir(exist_ok=True)
    for name in ("post-checkout", "reference-transaction", "post-index-change"):
        (hooks / name).unlink(missing_ok=True)
        (hooks / name).symlink_to(tmp_path / "hook")
    assert leads_out(repository) == ""
    assert texts(repository) == ["x = 1\n"]
    assert not (tmp_path / "mark").exists()


@pytest.mark.parametrize("kind", ["tag", "commit", "branch"])
def test_a_clone_of_a_revision_has_it_for_its_head(tmp_path, repository, kind):
    first = run_git(repository, "rev-parse", "HEAD")
    run_git(repository, "tag", "-a", "v1", "-m", "one")
    run_git(repository, "branch", "old")
    write(repository, {b"a.py": b"x = 2\n"})
    run_git(repository, "commit", "--quiet", "--all", "--message", "two")
    revision = {"tag": "v1", "commit": first, "branch": "old"}[kind]
    made = code.clone(str(repository), tmp_path / "clones", revision)
    assert texts(made) == ["x = 1\n"]
    assert run_git(made, "rev-parse", "HEAD") == first
    assert texts(code.clone(str(repository), tmp_path / "clones")) == ["x = 2\n"]
    assert [outcome.locator for outcome in code.outcomes(made, source(), Extract(), Tally())] == [f"theirs@{first}:a.py"]
    with pytest.raises(ValueError, match=r"\A[^\n]*cannot be cloned at 'no-such'[^\n]*\Z"):
        code.clone(str(repository), tmp_path / "clones", "no-such")
    assert len(list((tmp_path / "clones").iterdir())) == 2

"""Git repositories read through the git command: what a commit holds, and its files, in two processes and without a checkout.

A repository is data that others wrote. One that leads git out of its folder is refused; of the others the configuration is read, but no
hook, pager, file-system monitor or filter runs, no missing object is fetched, no submodule entered, and nothing is written. Only files
named by a commit are seen, so `..`, links and devices cannot lead out of it.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote, urlsplit

from pipeline.sources.git_directory import leads_out

SAFE = ("-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")


class GitError(ValueError):
    """The git command refused; its own last line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a commit's listing."""

    path: bytes
    mode: str
    """'100644', '100755', '120000' (symbolic link) or '160000' (submodule)."""
    blob: str
    """Object name, in hex."""
    size: int
    """Bytes; 0 for a submodule."""


def is_repository(path: Path) -> bool:
    """Whether a folder is a git repository itself: bare, or with a `.git` in it. A folder inside of one is not."""
    return (path / ".git").exists() or all((path / part).exists() for part in ("HEAD", "objects", "refs"))


def commit_of(repository: Path, revision: str = "HEAD") -> str:
    """Full object name of the commit that a revision (a branch, a tag, a hash) stands for.

    Raises:
        GitError: no such revision, no commit yet, no repository, or one that leads out of its folder.
    """
    _refuse_to_leave(repository)
    return _output(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}").decode("ascii").strip()


def list_files(repository: Path, commit: str) -> list[Entry]:
    """Every file, link and submodule of a commit, in git's order (by the bytes of the path).

    Raises:
        GitError: the commit or one of its trees is missing or corrupt.
    """
    entries = []
    for line in _output(repository, "ls-tree", "-r", "-z", "--long", "--full-tree", commit).split(b"\0"):
        if line:
            description, _, path = line.partition(b"\t")
            mode, _, blob, size = description.decode("ascii").split()
            entries.append(Entry(path, mode, blob, int(size) if size.isdigit() else 0))
    return entries


def short_name(repository: Path) -> str:
    """What people call the repository: host and path of its remote without credentials, or the last part of a local path."""
    try:
        _refuse_to_leave(repository)
        url = _output(repository, "config", "--get", "remote.origin.url").decode("utf-8", "replace").strip()
    except GitError:
        url = ""
    folder = repository.resolve()
    return name_of_url(url) if url else (folder.parent.name if folder.name == ".git" else folder.name).removesuffix(".git")


def name_of_url(url: str) -> str:
    """`github.com/owner/name` of a URL or of `git@github.com:owner/name.git`; the last part of a local path."""
    parts = urlsplit(url)
    if parts.scheme in {"http", "https", "ssh", "git"} and parts.hostname:
        return f"{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path.rstrip('/').removesuffix('.git')}"
    scp = re.fullmatch(r"(?:[^@/]{1,100}@)?([A-Za-z0-9.-]{2,255}):([^/].{0,1000}|/.{1,1000})", url)
    if not parts.scheme and scp:
        return f"{scp[1]}/{scp[2].strip('/').removesuffix('.git')}"
    path = Path(parts.path if parts.scheme == "file" else url)
    return (path.parent.name if path.name == ".git" else path.name).removesuffix(".git")


def _read_until(stream: IO[bytes], most: int, end: bytes) -> bytes:
    """At most so many bytes, or up to a piece that ends so."""
    data = bytearray()
    while len(data) < most and not data.endswith(end):
        piece = os.read(stream.fileno(), min(most - len(data), 1 << 20))
        if not piece:
            break
        data += piece
    return bytes(data)


class Blobs:
    """Contents of blobs through one `git cat-file --batch`, asked one at a time; started at the first question and after a crash."""

    def __init__(self, repository: Path):
        self.repository = repository
        self.process: subprocess.Popen[bytes] | None = None
        self.complaints: IO[bytes] | None = None

    def read(self, blob: str) -> bytes:
        """All bytes of a blob.

        Raises:
            GitError: it is missing or corrupt.
        """
        if self.process is None:
            self.complaints = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as the process
            self.process = subprocess.Popen(
                _command(self.repository, "cat-file", "--batch"),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.complaints,
                env=_environment(),
                bufsize=0,  # what is read ahead would be missed below
            )
        question, answer = self.process.stdin, self.process.stdout
        assert question is not None
        assert answer is not None
        try:
            # Of a corrupt blob git may give fewer bytes than its header states; the answer to a second question shows where it ends.
            question.write(f"{blob}\nend-{blob}\n".encode("ascii"))
            question.flush()
            header = answer.readline(200).split()
            if len(header) == 3 and header[1] == b"blob":
                size, end = int(header[2]), f"\nend-{blob} missing\n".encode("ascii")
                data = _read_until(answer, size + len(end), end)
                if len(data) == size + len(end) and data.endswith(end):
                    return data[:size]
        except BrokenPipeError:
            header = []
        words = self._crash()
        if len(header) >= 2 and header[1] != b"blob":
            raise GitError(f"object {blob} is {header[1].decode('ascii', 'replace')}")
        raise GitError(words or f"object {blob} cannot be read")

    def close(self) -> None:
        """End the process."""
        if self.process is not None:
            self._crash()

    def _crash(self) -> str:
        """End the process; the last thing that it complained about."""
        assert self.process is not None
        assert self.complaints is not None
        for pipe in (self.process.stdin, self.process.stdout):
            try:
                if pipe:
                    pipe.close()
            except BrokenPipeError:
                continue
        self.process.wait()
        self.complaints.seek(0)
        words = _last_line(self.complaints.read(1 << 16))
        self.complaints.close()
        self.process = self.complaints = None
        return words


@contextmanager
def open_blobs(repository: Path) -> Iterator[Blobs]:
    """`Blobs` for the length of a block."""
    blobs = Blobs(repository)
    try:
        yield blobs
    finally:
        blobs.close()


def clone_name(url: str, revision: str = "HEAD") -> str:
    """Name of the folder that `clone` makes: readable, and different for different URLs and revisions."""
    identity = url if revision == "HEAD" else f"{url}\n{revision}"
    readable = re.sub(r"[^A-Za-z0-9.-]+", "_", name_of_url(url)).strip("._-")[:80]
    return f"{readable or 'repository'}-{hashlib.sha256(identity.encode('utf-8', 'surrogateescape')).hexdigest()[:8]}.git"


def clone(url: str, directory: Path, revision: str = "HEAD", *, allow_private: bool = False) -> Path:
    """A bare clone of one commit, at `directory / clone_name(url, revision)` and as its HEAD; one that is there already is kept.

    Args:
        url: https URL, file URL or local path.
        directory: made where missing.
        revision: branch, tag or full commit name; HEAD is the last commit of the default branch.
        allow_private: whether the host may have a loopback, private or link-local address.

    Raises:
        ValueError: another protocol, a refused address, or git's own complaint; nothing is left behind.
    """
    target = directory / clone_name(url, revision)
    if target.exists():
        return target
    address, settings = _checked(url, allow_private=allow_private)
    directory.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=".clone-", dir=directory))
    try:
        # upload-pack on a local repository of another owner asks for this too, and does not see -c.
        (work / "gitconfig").write_text("[safe]\n\tdirectory = *\n", encoding="ascii")
        environment = {
            **_environment(),
            "GIT_CONFIG_GLOBAL": str(work / "gitconfig"),
            "GIT_ALLOW_PROTOCOL": "file" if address.startswith("file:") else "https",
        }
        # Slower than 1 kB/s for a minute is taken for dead.
        options = ["http.followRedirects=false", "http.lowSpeedLimit=1000", "http.lowSpeedTime=60", "credential.helper=", *settings]
        git = ["git", *SAFE, *(word for option in options for word in ("-c", option))]
        made = str(work / "repository")
        whole = ["clone", "--quiet", "--bare", "--depth", "1", "--no-tags", "--single-branch", "--template=", "--", address, made]
        # `clone --branch` knows no commits.
        fetched = ["fetch", "--quiet", "--depth", "1", "--no-tags", "--", address, revision]
        steps = (
            [whole]
            if revision == "HEAD"
            else [
                ["init", "--quiet", "--bare", "--template=", "--", made],
                [f"--git-dir={made}", "config", "remote.origin.url", address],
                [f"--git-dir={made}", *fetched],
                [f"--git-dir={made}", "update-ref", "--no-deref", "HEAD", "FETCH_HEAD^{commit}"],
            ]
        )
        for step in steps:
            done = subprocess.run([*git, *step], env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
            if done.returncode:
                at = "" if revision == "HEAD" else f" at {revision!r}"
                raise ValueError(f"{without_credentials(url)!r} cannot be cloned{at}: {without_credentials(_last_line(done.stderr))}")
        (work / "repository").rename(target)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    return target


def without_credentials(text: str) -> str:
    """A URL, or words that quote one, without user name and password."""
    return re.sub(r"(://)[^/@\s]{1,500}@", r"\1", text)


def _checked(url: str, *, allow_private: bool) -> tuple[str, list[str]]:
    """The address to hand to git, and settings that pin the host to the addresses that were looked at."""
    parts = urlsplit(url)
    if parts.scheme in {"", "file"}:
        path = Path(parts.path if parts.scheme else url).expanduser().resolve()
        if not is_repository(path):
            raise ValueError(f"{url!r} is not a git repository; give the folder that holds .git, or a bare one")
        return f"file://{quote(str(path))}", []  # git takes --depth from a URL only
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError(f"{without_credentials(url)!r} is not cloned: give an https URL or a local path")
    try:
        found = socket.getaddrinfo(parts.hostname, parts.port or 443, type=socket.SOCK_STREAM)
    except OSError as error:
        raise ValueError(f"{without_credentials(url)!r} cannot be cloned: {error}") from error
    addresses = sorted({str(item[4][0]) for item in found})
    for address in addresses:
        if not allow_private and not ipaddress.ip_address(address.split("%")[0]).is_global:
            raise ValueError(f"{without_credentials(url)!r} is not cloned: {address} is not a public address")
    pinned = ",".join(f"[{address}]" if ":" in address else address for address in addresses)
    return url, [f"http.curloptResolve={parts.hostname}:{parts.port or 443}:{pinned}"]


def _refuse_to_leave(repository: Path) -> None:
    try:
        words = leads_out(repository)
    except OSError as error:
        raise GitError(f"{type(error).__name__}: {error}") from error
    if words:
        raise GitError(words)


def _environment() -> dict[str, str]:
    """The caller's, without its git settings, and with every way closed by which git asks, fetches or substitutes."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") and name not in {"SSH_ASKPASS", "PAGER"}}
    return {
        **kept,
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_ASKPASS": "true",
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_NO_REPLACE_OBJECTS": "1",
        "GIT_NO_LAZY_FETCH": "1",
        "GIT_ALLOW_PROTOCOL": "none",  # a partial clone would fetch, over a transport that its own configuration names
        "GIT_PAGER": "cat",
    }


def _command(repository: Path, *arguments: str) -> list[str]:
    inner = repository / ".git"
    return ["git", *SAFE, f"--git-dir={inner if inner.exists() else repository}", *arguments]


def _output(repository: Path, *arguments: str) -> bytes:
    done = subprocess.run(_command(repository, *arguments), env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        raise GitError(_last_line(done.stderr) or f"git {arguments[0]} found nothing for {arguments[-1]!r}")
    return done.stdout


def _last_line(complaint: bytes) -> str:
    lines = [line for line in complaint.decode("utf-8", "replace").splitlines() if line.strip()]
    return lines[-1].strip()[:300] if lines else ""

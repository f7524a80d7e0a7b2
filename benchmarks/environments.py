"""Virtual environments of peers, one for each and version, under .bench/: made on first use, reused while their requirements stand.

A peer's own pins (datatrove wants trafilatura below 1.12) would not go together with ours.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
INSTALL_S = 900
READY = ".ready"


class PeerMissingError(Exception):
    """A peer's environment cannot be made on this machine, mostly because the package index is out of reach; the text says why."""


@dataclass(frozen=True)
class Peer:
    """A package to compare with, or several that go together: name (on PyPI, of one package), version, and what pip is asked for."""

    name: str
    version: str
    requirements: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """Of its environment."""
        return ROOT / ".bench" / f"{self.name}-{self.version}"


# io and processing are datatrove's extras for WARC, extraction and filters. What they leave out: spaCy, which splits English words (blank,
# no model to download); lxml_html_clean, which trafilatura 1.11 imports from lxml; pylibmagic, libmagic where the system has none.
DATATROVE = Peer(
    "datatrove",
    "0.10.1",
    ("datatrove[io,processing]==0.10.1", "trafilatura==1.11.0", "spacy==3.8.18", "lxml_html_clean==0.4.6", "pylibmagic==0.5.0"),
)


def python_of(peer: Peer) -> Path:
    """The interpreter of a peer's environment, which is made where it is not there yet.

    Raises:
        PeerMissingError: it cannot be made.
    """
    python, ready, wanted = peer.folder / "bin" / "python", peer.folder / READY, "\n".join(peer.requirements)
    if ready.exists() and ready.read_text() == wanted:
        return python
    sys.stderr.write(f"making an environment for {peer.name} {peer.version} in {peer.folder} …\n")
    _run([sys.executable, "-m", "venv", "--clear", str(peer.folder)])
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # The pip that Python 3.11 brings (23.2) takes lxml[html-clean] and lxml[html_clean], which justext and readability-lxml want, for two.
    _run([*install, "pip>=25"])
    _run([*install, *peer.requirements])
    ready.write_text(wanted)
    return python


def _run(command: Sequence[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_S)
    except subprocess.CalledProcessError as error:
        lines = (error.stderr or error.stdout or "no message").strip().splitlines()
        raise PeerMissingError(f"its environment cannot be made: {lines[-1][:200]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerMissingError(f"its environment cannot be made: {error}") from error

"""The quick start's inputs: what every machine with Python has, so that it works offline. `python -m pipeline.quickstart` prepares them
and does `curate run configs/quickstart.yaml`.

Web: pydoc's server on loopback, for the crawler. Book: the language reference in `pydoc_data.topics`. Code: the standard library.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from pydoc_data.topics import topics

from pipeline import cli
from pipeline.config import load
from pipeline.errors import one_line

CONFIG = Path("configs/quickstart.yaml")
PORT = 7464
START_S = 30


@contextlib.contextmanager
def pydoc_server(port: int) -> Iterator[None]:
    """Serve the standard library's documentation at http://127.0.0.1:PORT/ until the context ends.

    Raises:
        ValueError: the port is taken, or the server does not answer within 30 seconds.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # a server that has just gone leaves the port in TIME_WAIT
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ValueError(f"port {port} of 127.0.0.1 is taken; give another with --port") from error
    # -I, -S and an empty working folder keep it to the standard library. pydoc reads commands from its standard input and ends when
    # that closes: with this process.
    command = [sys.executable, "-I", "-S", "-m", "pydoc", "-n", "127.0.0.1", "-p", str(port)]
    quiet = subprocess.DEVNULL
    with (
        tempfile.TemporaryDirectory() as empty,
        subprocess.Popen(command, cwd=empty, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet) as server,
    ):
        try:
            _wait(port, server)
            yield
        finally:
            server.terminate()


def write_topics(folder: Path) -> None:
    """The language reference, a plain text file for each topic."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in sorted(topics.items()):
        path = folder / f"{name}.txt"
        if not path.exists() or path.read_text(encoding="utf-8") != text:  # an untouched file keeps its time, so nothing is stale
            path.write_text(text, encoding="utf-8")


def main() -> None:
    """Prepare the inputs and run."""
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.quickstart", description="Make a small corpus and a model from Python's own documentation and source."
    )
    parser.add_argument("--port", type=int, default=PORT, help=f"port for pydoc's server on 127.0.0.1 ({PORT})")
    parser.add_argument(
        "--set", dest="overrides", action="append", default=[], metavar="KEY.PATH=VALUE", help="override a key of configs/quickstart.yaml"
    )
    arguments = parser.parse_args()
    overrides = [
        f"sources.0.crawl.seeds=[http://127.0.0.1:{arguments.port}/]",
        f"sources.2.paths=['{sysconfig.get_paths()['stdlib']}']",
        *arguments.overrides,
    ]
    try:
        write_topics(Path(load(CONFIG, overrides).sources[1].paths[0]))
        with pydoc_server(arguments.port):
            cli.run(CONFIG, overrides)
    except (ValueError, OSError) as error:
        sys.stderr.write(f"curate: {one_line(error)}\n")
        sys.exit(2)


def _wait(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise ValueError(f"pydoc's server did not answer on 127.0.0.1:{port} within {START_S} s; try `{' '.join(map(str, server.args))}`")  # type: ignore[arg-type]


if __name__ == "__main__":
    main()

"""Stage 1, crawl: seeds to WARC, and remote repositories to bare clones.

In:  the seeds of each source's `crawl`, one unit per host; its `repositories`, one unit each.
Out: crawl/SOURCE/HOST.warc.gz, crawl/SOURCE/NAME.git, rejects/crawl/part-K (pages that could not be fetched, with the reason).
Lost: nothing; every URL that the crawler took up is a WARC record or a reject. What was known and not taken up is counted as left.

All hosts are one element of the Beam job, and so one process: only there is it known whose turn it is. Each has a thread while it is
crawled, its own files and its own receipt. A host that is added to the seeds later is crawled beside those that are done; they are not
crawled again, although they would now follow redirects to it.
"""

from __future__ import annotations

import itertools
import queue
import re
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import xxhash

from pipeline.config import Config
from pipeline.run import Manifest, PartWriter, Run, Unit, digest
from pipeline.schema import REJECTS
from pipeline.sources import code, crawl, urls
from pipeline.sources.frontier import State
from pipeline.sources.pacing import Turns
from pipeline.stage import Job, Stage
from pipeline.stages.extract import rejects_batch

VERSION = 2
REJECTS_ROWS = 10_000


@dataclass(frozen=True, kw_only=True)
class FetchUnit(Unit):
    """One host of a source to crawl, from its seeds; or one repository to clone."""

    source: str
    target: str
    seeds: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class HostsUnit(Unit):
    """All hosts that are to be crawled, as one piece of work."""

    hosts: tuple[FetchUnit, ...]


def plan(_run: Run, config: Config) -> Sequence[FetchUnit]:
    """A unit per host and per repository."""
    units = []
    for source in config.sources:
        if source.crawl:
            settings = source.crawl.model_dump(mode="json", exclude={"seeds", "hosts_at_once"})
            units += [_unit(source.name, host, tuple(seeds), settings) for host, seeds in sorted(urls.hosts(source.crawl.seeds).items())]
        revision = None if source.revision == "HEAD" else source.revision
        units += [_unit(source.name, repository, (), revision) for repository in source.repositories]
    return units


def fetch_unit(unit: FetchUnit | HostsUnit, run: Run, config: Config) -> None:
    """Crawl hosts side by side, or clone a repository."""
    if isinstance(unit, FetchUnit):
        source = next(source for source in config.sources if source.name == unit.source)
        folder = run.path("crawl", unit.source)
        folder.mkdir(parents=True, exist_ok=True)
        code.clone(unit.target, folder, source.revision, allow_private=False)
        run.give_receipt("crawl", unit, [], {"repositories": 1})
        return
    todo: queue.SimpleQueue[FetchUnit] = queue.SimpleQueue()
    for host in unit.hosts:
        todo.put(host)
    done: queue.SimpleQueue[tuple[FetchUnit, State | BaseException]] = queue.SimpleQueue()
    turns = Turns()
    at_once = max(source.crawl.hosts_at_once for source in config.sources if source.crawl)
    for _ in range(min(at_once, len(unit.hosts))):
        # A thread that waits for a slow host must not keep an interrupted process alive: what is on disk stands at any moment.
        threading.Thread(target=_crawl_hosts, args=(todo, done, turns, run, config), daemon=True).start()
    failure: BaseException | None = None
    for _ in unit.hosts:
        host, result = done.get()
        if isinstance(result, State):
            _finish_host(host, result, run, config)
        elif failure is None:
            failure = result
            turns.stop()
    if failure:
        raise failure


def _crawl_hosts(
    todo: queue.SimpleQueue[FetchUnit],
    done: queue.SimpleQueue[tuple[FetchUnit, State | BaseException]],
    turns: Turns,
    run: Run,
    config: Config,
) -> None:
    """A thread's work: hosts until none is left. What goes wrong is raised in the thread that waits."""
    while True:
        try:
            unit = todo.get_nowait()
        except queue.Empty:
            return
        try:
            turns.pause(0)
            done.put((unit, _crawl_host(unit, turns, run, config)))
        except BaseException as error:  # noqa: BLE001 -- carried over, not swallowed
            done.put((unit, error))


def _crawl_host(unit: FetchUnit, turns: Turns, run: Run, config: Config) -> State:
    source = next(source for source in config.sources if source.name == unit.source)
    assert source.crawl is not None
    folder, name = _place(unit, run)
    folder.mkdir(parents=True, exist_ok=True)
    beat, pages = run.heartbeat("crawl", unit), source.crawl.max_pages

    def on_page(done: int, _known: int) -> None:
        beat(done, done * unit.bytes // pages)

    return crawl.crawl_host(unit.target, list(unit.seeds), source.crawl, folder, name, on_page, turns)


def _finish_host(unit: FetchUnit, state: State, run: Run, config: Config) -> None:
    """Rejects and receipt of a crawled host."""
    source = next(source for source in config.sources if source.name == unit.source)
    folder, name = _place(unit, run)
    reasons: Counter[str] = Counter()
    with PartWriter(run.part("rejects/crawl", unit.key), REJECTS) as writer:
        found = crawl.rejects(folder, name)
        while batch := list(itertools.islice(found, REJECTS_ROWS)):
            writer.write(rejects_batch("crawl", source, [(unit.target, reject) for reject in batch]))
            reasons.update(reject.reason for reject in batch)
    warc = folder / f"{name}.warc.gz"
    counts = {
        "bytes": warc.stat().st_size,
        "rejects": {source.name: dict(sorted(reasons.items()))},
        "urls": {source.name: {"taken": state.taken, "responses": state.responses, "left": state.waiting}},
    }
    run.give_receipt("crawl", unit, [warc, writer.path], counts)
    crawl.forget(folder, name)


def check(_run: Run, _config: Config, manifest: Manifest) -> None:
    """Every URL that was taken up is a response or a reject."""
    for source, counts in manifest.totals.get("urls", {}).items():
        rejects = sum(manifest.totals["rejects"].get(source, {}).values())
        if counts["taken"] != counts["responses"] + rejects:
            raise ValueError(
                f"crawl of {source!r}: {counts['taken']} URLs taken up, but {counts['responses']} responses and {rejects} rejects; "
                "this is a fault of curate, please report it with the configuration"
            )


def _summary(manifest: Manifest) -> str:
    refused = sum(sum(reasons.values()) for reasons in manifest.totals.get("rejects", {}).values())
    fetched, repositories = manifest.totals.get("bytes", 0), manifest.totals.get("repositories", 0)
    urls_of = manifest.totals.get("urls", {}).values()
    responses, left = sum(counts["responses"] for counts in urls_of), sum(counts["left"] for counts in urls_of)
    told = f"{fetched / 1e6:,.1f} MB of WARC, {repositories} repositories, {responses:,} responses, {refused:,} URLs refused"
    return f"{told}, {left:,} left at the limit of pages" if left else told


def wanted(config: Config) -> bool:
    """Whether any source is to be fetched."""
    return any(source.crawl or source.repositories for source in config.sources)


def _unit(source: str, target: str, seeds: tuple[str, ...], settings: object) -> FetchUnit:
    key = xxhash.xxh3_64_hexdigest(f"crawl\n{source}\n{target}".encode())
    # A crawl's size is not known before; every host counts as one.
    return FetchUnit(
        key=key, fingerprint=digest([VERSION, target, seeds, settings]), bytes=1 << 24, source=source, target=target, seeds=seeds
    )


def _place(unit: FetchUnit, run: Run) -> tuple[Path, str]:
    """Folder and name, without suffix, of a host's files."""
    # Doubled, so that the host a_8080 and the port 8080 of a do not share files.
    return run.path("crawl", unit.source), re.sub(r"[^A-Za-z0-9._-]", "_", unit.target.replace("_", "__"))


def _work(job: Job) -> None:
    units = [unit for unit in job.units if isinstance(unit, FetchUnit)]
    hosts = tuple(unit for unit in units if unit.seeds)
    together = [HostsUnit(key="hosts", fingerprint="", bytes=sum(host.bytes for host in hosts), hosts=hosts)] if hosts else []
    job.each([*together, *(unit for unit in units if not unit.seeds)], fetch_unit)


CRAWL = Stage("crawl", ("rejects/crawl",), plan, _work, _summary, check, wanted=wanted)

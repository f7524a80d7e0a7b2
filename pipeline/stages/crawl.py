"""Stage 1, crawl: seeds to WARC, and remote repositories to bare clones.

In:  the seeds of each source's `crawl`, one unit per host; its `repositories`, one unit each.
Out: crawl/SOURCE/HOST.warc.gz, crawl/SOURCE/NAME.git, rejects/crawl/part-K (pages that could not be fetched, with the reason).
Lost: nothing; every URL that the crawler took up is a WARC record or a reject.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import xxhash

from pipeline.config import Config
from pipeline.run import Manifest, PartWriter, Run, Unit, digest
from pipeline.schema import REJECTS
from pipeline.sources import code, crawl
from pipeline.stage import Job, Stage
from pipeline.stages.extract import rejects_batch

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class FetchUnit(Unit):
    """One host of a source to crawl, from its seeds; or one repository to clone."""

    source: str
    target: str
    seeds: tuple[str, ...]


def plan(_run: Run, config: Config) -> Sequence[FetchUnit]:
    """A unit per host and per repository."""
    units = []
    for source in config.sources:
        if source.crawl:
            settings = source.crawl.model_dump(mode="json", exclude={"seeds"})
            units += [_unit(source.name, host, tuple(seeds), settings) for host, seeds in sorted(crawl.hosts(source.crawl.seeds).items())]
        revision = None if source.revision == "HEAD" else source.revision
        units += [_unit(source.name, repository, (), revision) for repository in source.repositories]
    return units


def fetch_unit(unit: FetchUnit, run: Run, config: Config) -> None:
    """Crawl a host or clone a repository."""
    source = next(source for source in config.sources if source.name == unit.source)
    folder = run.path("crawl", source.name)
    folder.mkdir(parents=True, exist_ok=True)
    if not unit.seeds:
        code.clone(unit.target, folder, source.revision, allow_private=False)
        run.give_receipt("crawl", unit, [], {"repositories": 1})
        return
    assert source.crawl is not None
    beat = run.heartbeat("crawl", unit)
    name = re.sub(r"[^A-Za-z0-9.-]", "_", unit.target)
    rejects = crawl.crawl_host(
        unit.target,
        list(unit.seeds),
        source.crawl,
        folder,
        name,
        lambda pages, _read: beat(pages, pages * unit.bytes // source_pages(config, unit)),
    )
    with PartWriter(run.part("rejects/crawl", unit.key), REJECTS) as writer:
        if rejects:
            writer.write(rejects_batch("crawl", source, [(unit.target, reject) for reject in rejects]))
    reasons = dict(sorted(Counter(reject.reason for reject in rejects).items()))
    warc = folder / f"{name}.warc.gz"
    run.give_receipt("crawl", unit, [warc, writer.path], {"bytes": warc.stat().st_size, "rejects": {source.name: reasons}})


def source_pages(config: Config, unit: FetchUnit) -> int:
    """Pages that a host may give at most, for the time left."""
    settings = next(source.crawl for source in config.sources if source.name == unit.source)
    return settings.max_pages if settings else 1


def _summary(manifest: Manifest) -> str:
    refused = sum(sum(reasons.values()) for reasons in manifest.totals.get("rejects", {}).values())
    fetched, repositories = manifest.totals.get("bytes", 0), manifest.totals.get("repositories", 0)
    return f"{fetched / 1e6:,.1f} MB of WARC, {repositories} repositories, {refused:,} URLs refused"


def wanted(config: Config) -> bool:
    """Whether any source is to be fetched."""
    return any(source.crawl or source.repositories for source in config.sources)


def _unit(source: str, target: str, seeds: tuple[str, ...], settings: object) -> FetchUnit:
    key = xxhash.xxh3_64_hexdigest(f"crawl\n{source}\n{target}".encode())
    # A crawl's size is not known before; every host counts as one.
    return FetchUnit(
        key=key, fingerprint=digest([VERSION, target, seeds, settings]), bytes=1 << 24, source=source, target=target, seeds=seeds
    )


def _work(job: Job) -> None:
    job.each(job.units, fetch_unit)


CRAWL = Stage("crawl", ("rejects/crawl",), plan, _work, _summary, wanted=wanted)

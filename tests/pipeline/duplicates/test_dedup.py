"""What dedup decides, of texts that were made to be alike: whatever their order, their files, the memory and the workers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from pipeline.decisions.why import lines, why
from pipeline.duplicates.earlier_runs import forget
from pipeline.kept import kept_batches
from pipeline.run import Run
from pipeline.stage import perform
from pipeline.stages.dedup import DEDUP
from tests.pipeline.duplicates.planted import Text, decisions, deduplicated, kept, plant

WORDS = [a + b for a in ("ba", "ke", "li", "mo", "nu", "ra", "so", "ti") for b in ("dan", "fer", "gol", "hum", "jin", "kav", "lop", "mur")]


def sentence(generator: np.random.Generator, words: int) -> list[str]:
    return [WORDS[k] for k in generator.integers(0, len(WORDS), words)]


def changed(generator: np.random.Generator, words: list[str], changes: int) -> list[str]:
    words = list(words)
    for place in generator.integers(0, len(words), changes):
        words[place] = WORDS[generator.integers(0, len(WORDS))]
    return words


def corpus(seed: int, families: int = 12, sources: tuple[str, ...] = ("one", "two", "three")) -> list[Text]:
    """Families of texts that differ by a little, by more, or not at all, over all sources."""
    generator = np.random.default_rng(seed)
    texts = []
    for family in range(families):
        words = sentence(generator, int(generator.integers(30, 120)))
        for member in range(int(generator.integers(1, 9))):
            if member and generator.random() < 0.5:
                words = changed(generator, words, 1)  # drifts: the last is far from the first
            mine = words if generator.random() < 0.3 else changed(generator, words, int(generator.integers(0, len(words) // 15)))
            text = " ".join(mine) + ("." if generator.random() < 0.3 else "")
            texts.append(Text(f"{family}-{member}", text, source=sources[int(generator.integers(0, len(sources)))]))
    return [texts[k] for k in generator.permutation(len(texts))]


def verdicts(run: Run) -> dict[str, Any]:
    return {
        name: (row["keep"], row["rule"], row["value"], row["cluster_id"], row["survivor_id"], row["cluster_size"])
        for name, row in decisions(run).items()
    }


@pytest.mark.parametrize("seed", [1, 2])
def test_order_files_memory_and_workers_change_nothing(tmp_path: Path, seed: int) -> None:
    texts = corpus(seed)
    plain = verdicts(deduplicated(tmp_path / "plain", texts))
    assert {rule for _, rule, *_ in plain.values()} == {None, "exact duplicate", "same words", "near duplicate"}
    parts = {"b": texts[::-3], "a": texts[-2::-3], "c": texts[-3::-3], "empty": []}
    assert verdicts(deduplicated(tmp_path / "parts", parts)) == plain
    assert verdicts(deduplicated(tmp_path / "little", parts, runner={"memory_bytes": 1 << 20})) == plain
    if seed == 1:  # starting the processes of six jobs takes 15 s
        assert verdicts(deduplicated(tmp_path / "two", parts, runner={"workers": 2, "small_job_bytes": 0})) == plain


@pytest.mark.parametrize("seed", [3, 4, 5])
@pytest.mark.parametrize("forgetting", [False, True])
def test_runs_one_after_another_decide_as_one_run_of_everything(tmp_path: Path, seed: int, forgetting: bool) -> None:
    texts = corpus(seed, families=20)
    by_source = {name: [text for text in texts if text.source == name] for name in ("one", "two", "three")}
    gone = {text.name for text in by_source["one"][::4]} if forgetting else set()
    known: list[str] = []
    runs = []
    for name, mine in by_source.items():
        runs.append(deduplicated(tmp_path / name, mine, dedup={"against": known, "survivor": ["bytes"]}))
        if name == "one" and gone:
            assert forget(str(tmp_path / name), [text.doc_id for text in mine if text.name in gone]) == len(gone)
        known.append(str(tmp_path / name))
    left = [text for text in texts if text.name not in gone]
    dedup = {"survivor": ["source", "bytes"]}
    at_once = deduplicated(tmp_path / "all", {"a": left[::2], "b": left[1::2]}, dedup=dedup, sources=list(by_source))
    everything = verdicts(at_once)
    last = verdicts(runs[-1])
    assert last == {name: everything[name] for name in last}
    assert any(row[1] for row in last.values())
    if forgetting:  # what the first run decided of its own was decided with those that are gone
        return
    fallen = {row["doc_id"] for run in runs for row in pq.read_table(run.path("dedup", "superseded.parquet")).to_pylist()}
    standing = {name for run in runs for name in kept(run)} - {text.name for text in texts if text.doc_id in fallen}
    assert standing == kept(at_once)


def test_a_new_document_that_joins_two_clusters_of_earlier_runs_supersedes_one(tmp_path: Path) -> None:
    words = [f"w{k}" for k in range(400)]
    left, right = list(words), list(words)
    left[5:200:20], right[205:400:20] = ["left"] * 10, ["right"] * 10  # 346/446 = .78 to the middle, 296/496 = .60 to each other
    dedup = {"bands": 64, "rows": 3}
    deduplicated(tmp_path / "old", [Text("left", " ".join(left)), Text("right", " ".join(right))], dedup=dedup)
    assert kept(Run(tmp_path / "old")) == {"left", "right"}
    new = deduplicated(tmp_path / "new", [Text("middle", " ".join(words))], dedup=dedup | {"against": [str(tmp_path / "old")]})
    row = decisions(new)["middle"]
    assert (row["keep"], row["cluster_size"]) == (False, 3)
    superseded = pq.read_table(new.path("dedup", "superseded.parquet")).to_pylist()
    assert [(one["run"], one["survivor_id"]) for one in superseded] == [(str(tmp_path / "old"), row["survivor_id"])]


@pytest.mark.parametrize("verify", ["estimate", "exact"])
def test_a_chain_has_one_survivor_or_only_what_is_similar_to_a_survivor_goes(tmp_path: Path, verify: str) -> None:
    words = [f"w{k}" for k in range(400)]
    versions = []
    for version in range(12):  # each is .90 like the one before; three steps apart .75, four .68
        words[version * 20 + 5 : version * 20 + 20 : 4] = [f"v{version}"] * 4
        versions.append(Text(f"{version:02d}", " ".join(words) + " " * 50 * version))
    dedup = {"bands": 64, "rows": 3, "survivor": ["bytes"], "verify": verify}
    chained = deduplicated(tmp_path / "member", versions, dedup=dedup)
    assert kept(chained) == {"11"}
    rows = decisions(chained)
    assert {rows["10"]["bound"], rows["00"]["bound"]} == {">= 0.7", ">= 0.7 to another member"}
    cut = deduplicated(tmp_path / "survivor", versions, dedup=dedup | {"similar_to": "survivor"})
    rows = decisions(cut)
    assert 3 <= len(kept(cut)) <= 5
    assert "11" in kept(cut)
    assert all(row["value"] >= 0.7 for row in rows.values() if not row["keep"])
    clusters = {row["cluster_id"]: row["cluster_size"] for row in rows.values() if row["cluster_id"]}
    assert 2 <= len(clusters) <= len(kept(cut))
    assert sum(clusters.values()) + sum(row["cluster_id"] is None for row in rows.values()) == 12


@pytest.mark.parametrize("seed", [3, 4])
def test_survivors_of_earlier_runs_stand_where_similarity_to_a_survivor_is_asked_for(tmp_path: Path, seed: int) -> None:
    texts = corpus(seed, families=20)
    dedup = {"survivor": ["bytes"], "similar_to": "survivor", "bands": 56, "rows": 2}
    known: list[str] = []
    runs = []
    for name in ("one", "two", "three"):
        mine = [text for text in texts if text.source == name]
        runs.append(deduplicated(tmp_path / name, mine, dedup=dedup | {"against": known}))
        known.append(str(tmp_path / name))
        assert pq.read_table(runs[-1].path("dedup", "superseded.parquet")).num_rows == 0
    of = {text.doc_id: text for text in texts}
    standing = set().union(*(kept(run) for run in runs))
    for run in runs:
        for row in decisions(run).values():
            if not row["keep"]:
                assert row["value"] >= 0.7
                assert of[row["survivor_id"]].name in standing


def test_earlier_runs_are_refused_where_the_answer_would_not_be_that_of_one_run(tmp_path: Path) -> None:
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    text = [Text("x", "some words that are the same in all of these runs")]
    deduplicated(tmp_path / "a", text)
    deduplicated(tmp_path / "b", text, dedup={"against": [a]})
    for dedup, told in [
        ({"against": [b]}, "was itself deduplicated against 1 earlier"),
        ({"against": [b, a]}, "was itself deduplicated against 1 earlier"),
        ({"against": [a, a]}, "is named twice"),
        ({"against": [str(tmp_path / "none")]}, "stage 'dedup' of .* has not finished"),
        ({"against": [a], "threshold": 0.8}, "was deduplicated with threshold 0.7, this run has 0.8"),
        ({"against": [a], "verify": "exact"}, "an earlier run keeps no text"),
        ({"against": [str(tmp_path / "c")]}, "is this run itself"),
        ({"survivor": ["lenght"]}, "'lenght' is neither 'date', 'source' nor a column"),
    ]:
        run, config = plant(tmp_path / "c", {"a": text}, dedup=dedup)
        with pytest.raises(ValueError, match=told):
            perform(DEDUP, run, config)
    # A run that has changed since is another one.
    deduplicated(tmp_path / "a", [*text, Text("y", "further words")])
    run, config = plant(tmp_path / "c", {"a": text}, dedup={"against": [a, b]})
    with pytest.raises(ValueError, match="was itself deduplicated against 1 earlier"):
        perform(DEDUP, run, config)


def test_scopes(tmp_path: Path) -> None:
    same = "the very same words stand in each of these documents, whatever crawl or source they are of"
    texts = [
        Text("spring-1", same, "web", input="crawl-data/CC-MAIN-2024-10/segments/1/warc/a.warc.gz"),
        Text("spring-2", same, "web", input="crawl-data/CC-MAIN-2024-10/segments/2/warc/b.warc.gz"),
        Text("summer", same, "web", input="crawl-data/CC-MAIN-2024-26/segments/1/warc/c.warc.gz"),
        Text("own", same, "web", input="own.warc.gz"),
        Text("book", same, "books", input="book.txt"),
    ]
    counts = {scope: len(kept(deduplicated(tmp_path / scope, texts, dedup={"scope": scope}))) for scope in ("run", "source", "crawl")}
    assert counts == {"run": 1, "source": 2, "crawl": 3}
    by_crawl = kept(Run(tmp_path / "crawl"))
    assert len(by_crawl & {"spring-1", "spring-2"}) == len(by_crawl & {"own", "book"}) == 1


@pytest.mark.parametrize(
    ("survivor", "stays"),
    [
        (["bytes"], "long"),
        (["-bytes"], "old"),
        (["date", "bytes"], "new"),
        (["-date"], "old"),
        (["words", "date"], "good"),
        (["source", "-date"], "good"),
    ],
)
def test_the_declared_order_says_which_member_stays(tmp_path: Path, survivor: list[str], stays: str) -> None:
    words = " ".join(sentence(np.random.default_rng(1), 300))
    texts = [
        Text("old", words, "second", date="1999"),
        Text("new", words + " tail", "second", date="2024-02-28T10:00:00Z", quality=0.1),
        Text("good", words + " tail tail", "first", date="2024-02", quality=0.9),
        Text("long", words + " tail tail tail", "second"),
        Text("removed before", words + " tail tail tail tail", "first", date="2025", kept=False, quality=1.0),
    ]
    run = deduplicated(tmp_path / "run", {"a": texts[::2], "b": texts[1::2]}, dedup={"survivor": survivor}, sources=["first", "second"])
    assert kept(run) == {stays}
    assert decisions(run)["removed before"]["cluster_id"] is None


def test_ways_of_verifying(tmp_path: Path) -> None:
    """About 300 words of 5-grams: changing n of them far apart leaves a similarity of (296 - 5n) / (296 + 5n)."""
    generator = np.random.default_rng(7)
    words = [f"w{k}" for k in range(300)]
    texts = []
    for number, changes in enumerate((0, 2, 6, 9, 12, 16, 20)):
        mine = list(words)
        for place in range(changes):
            mine[10 + 14 * place] = f"x{number}-{place}".replace("-", "y")
        texts.append(Text(f"{changes}", " ".join(mine) + " " * int(generator.integers(0, 3))))
    exactly = {"0": 1.0} | {str(n): (296 - 5 * n) / (296 + 5 * n) for n in (2, 6, 9, 12, 16, 20)}
    for verify in ("exact", "estimate", "none"):
        dedup = {"verify": verify, "survivor": ["-bytes"], "bands": 40, "rows": 3, "threshold": 0.75}
        rows = decisions(deduplicated(tmp_path / verify, [Text("short", " ".join(words).strip()), *texts], dedup=dedup))
        removed = {name for name, row in rows.items() if not row["keep"]}
        if verify == "exact":
            assert {name: rows[name]["value"] for name in removed - {"0", "short"}} == {
                name: pytest.approx(value) for name, value in exactly.items() if value >= 0.75 and name in removed - {"0", "short"}
            }
        assert {"estimate": removed >= {"2", "6"}, "exact": removed >= {"2", "6"}, "none": len(removed) == 7}[verify]


def test_exact_verification_agrees_with_a_plain_computation(tmp_path: Path) -> None:
    texts = corpus(11, families=15)

    def shingles(text: str) -> set[tuple[str, ...]]:
        words = text.replace(".", "").split()
        return {tuple(words[k : k + 5]) for k in range(len(words) - 4)}

    # Bands of one row let every pair that shares a minimum be compared, so that the threshold alone decides.
    dedup = {"verify": "exact", "bands": 64, "rows": 1, "threshold": 0.5}
    rows = decisions(deduplicated(tmp_path / "run", texts, dedup=dedup))
    of = {text.doc_id: shingles(text.text) for text in texts}
    clusters: dict[bytes, set[bytes]] = {}
    for text in texts:
        clusters.setdefault(rows[text.name]["cluster_id"] or text.doc_id, set()).add(text.doc_id)
        if rows[text.name]["rule"] == "near duplicate":
            a, b = of[text.doc_id], of[rows[text.name]["survivor_id"]]
            assert rows[text.name]["value"] == pytest.approx(min(0.9999, len(a & b) / len(a | b)), abs=1e-6)
    for a in texts:
        for b in texts:
            if len(of[a.doc_id] & of[b.doc_id]) >= 0.5 * len(of[a.doc_id] | of[b.doc_id]):
                assert any({a.doc_id, b.doc_id} <= members for members in clusters.values())


@pytest.mark.parametrize("texts", [[], [Text("one", "word")], [Text("none", "")], [Text("one", "one document alone, of some words")]])
def test_a_corpus_of_nothing_of_a_word_of_a_document(tmp_path: Path, texts: list[Text]) -> None:
    run, config = plant(tmp_path / "run", {"a": texts})
    perform(DEDUP, run, config)
    assert kept(run) == {text.name for text in texts}
    assert json.loads(run.path("dedup", "index", "index.json").read_text())["parts"] == [["a", len(texts)]]
    more = deduplicated(tmp_path / "more", [*texts, Text("two", "two")], dedup={"against": [str(tmp_path / "run")]})
    assert kept(more) == {"two"}


def test_texts_without_a_word_are_equal_only_byte_for_byte(tmp_path: Path) -> None:
    texts = [Text(str(k), text) for k, text in enumerate(["!!!", "???", "!!!", "...", "", " ", ""])]
    for verify in ("estimate", "exact"):
        rows = decisions(deduplicated(tmp_path / verify, texts, dedup={"verify": verify}))
        assert sum(row["keep"] for row in rows.values()) == 5
        assert {row["rule"] for row in rows.values()} == {None, "exact duplicate"}


def test_near_alone_exact_alone_and_neither(tmp_path: Path) -> None:
    words = " ".join(sentence(np.random.default_rng(2), 200))
    texts = [Text("a", words), Text("b", words), Text("c", words.upper() + "!"), Text("d", words + " more")]
    counts = {}
    for exact in (True, False):
        for near in (True, False):
            dedup = {"exact": exact, "near": near}
            counts[exact, near] = len(kept(deduplicated(tmp_path / f"{exact}{near}", texts, dedup=dedup)))
    assert counts == {(True, True): 1, (True, False): 2, (False, True): 1, (False, False): 4}


def test_200_000_copies_of_a_page_are_one_cluster(tmp_path: Path) -> None:
    page = "the same notice of a few words stands on every page of this site, and nothing else does"
    parts = {f"{part:02d}": [Text(f"{part}-{k}", page) for k in range(50_000)] for part in range(4)}
    run = deduplicated(tmp_path / "run", parts, runner={"memory_bytes": 16 << 20})
    rows = pq.read_table(run.path("decisions"))
    assert pc.sum(rows["keep"]).as_py() == 1
    assert rows["cluster_size"].unique().to_pylist() == [200_000]
    (survivor,) = rows["survivor_id"].unique().to_pylist()
    assert survivor == min(rows["doc_id"].to_pylist())
    buckets = json.loads(run.path("dedup", "buckets.json").read_text())
    assert [(bucket["documents"], bucket["first"]) for bucket in buckets["large"]] == [(200_000, survivor.hex())] * 15
    assert buckets["left"] == 0


def test_repeated_lines_and_passages_are_cut_from_what_is_left_and_emptied_documents_go(tmp_path: Path) -> None:
    generator = np.random.default_rng(9)
    menu = "Home | About this site | All of the articles | Contact us | Imprint"
    quoted = " ".join(sentence(generator, 60))
    own = [" ".join(sentence(generator, 80)) for _ in range(6)]
    texts = [
        Text("first", f"{menu}\n{own[0]}\n{quoted}\n{own[1]} {own[1][::-1]}", domain="a.org"),
        Text("second", f"{menu}\n{own[2]}\n{quoted}\nthe end", domain="a.org"),
        Text("third", f"{menu}\n{own[3]}", domain="a.org"),
        Text("copy of third", f"{menu}\n{own[3]}", domain="a.org"),
        Text("other domain", f"{menu}\n{own[4]}", domain="b.org"),
        Text("nothing else", f"{menu}\n{quoted}\n.", domain="a.org"),
    ]
    sections: dict[str, Any] = {"filter": {"presets": {"web": []}}}
    sections |= {"dedup": {"lines": {"most_documents": 3}, "passages": {"least_words": 50}, "survivor": ["bytes"]}}
    parts = {"a": texts[::2], "b": texts[1::2]}
    run, config = plant(tmp_path / "run", parts, **sections)
    perform(DEDUP, run, config)
    rows = decisions(run)
    assert {name: row["rule"] for name, row in rows.items() if not row["keep"]} == {
        max("third", "copy of third", key=lambda name: rows[name]["doc_id"]): "exact duplicate",
        "nothing else": "repeated text",
    }
    told = "\n".join(lines(why(run, texts[5].doc_id.hex(), config)))
    assert "removed as repeated text" in told
    assert "of it is left where >= 0.1 is asked" in told
    assert (rows["nothing else"]["bound"], rows["nothing else"]["value"] < 0.1) == (">= 0.1", True)
    left = {}
    for key in parts:
        for batch in kept_batches(run, key, config):
            left |= dict(zip(batch["locator"].to_pylist(), batch["text"].to_pylist(), strict=True))
    assert left["first"] == f"{own[0]}\n{quoted}\n{own[1]} {own[1][::-1]}"
    assert left["second"].split() == f"{own[2]} the end".split()
    assert left["other domain"] == f"{menu}\n{own[4]}"
    # The copy does not count: with one document fewer the menu stays.
    run = deduplicated(tmp_path / "fewer", {"a": texts[:5]}, **sections)
    spans = pq.read_table(run.part("dedup/lines", "a"))["repeated_lines"].to_pylist()
    assert not any(spans)


def test_what_is_left_over_is_removed(tmp_path: Path) -> None:
    run = deduplicated(tmp_path / "run", corpus(1))
    assert {path.name for path in run.path("dedup").iterdir()} == {
        "_config.json",
        "_manifest.json",
        "buckets.json",
        "index",
        "superseded.parquet",
    }

"""Personal data and secrets do not reach a run's directory; what stood there is counted by kind."""

from __future__ import annotations

import gzip
import json

import pyarrow.parquet as pq
import pytest

from pipeline.config import load
from pipeline.run import Run
from pipeline.settings.extract import Extract, PersonalData
from pipeline.settings.sources import Source
from pipeline.sources.private import redacted, without_private
from pipeline.sources.records import Document, Reject, Tally
from pipeline.stage import perform
from pipeline.stages.extract import EXTRACT
from pipeline.stages.filter import FILTER
from tests.pipeline.corpora import write_config, write_warc

KEY = "AKIA" + "ABCDEFGHIJKLMNO7"
VALUES = {
    "email": "greta.gearwheel@maschinenbau.de", "ip": "58.74.121.78", "phone": "+49 30 12345678", "iban": "DE89370400440532013000",
    "card": "5213591727586604", "national-id": "514-69-0360",
}  # fmt: skip
SENTENCE = "Ask Greta at {email} or {phone}; her machine is {ip}, her account {iban}, her card {card}, her number {national-id}."
TEXT = SENTENCE.format(**VALUES) + f" The key is '{KEY}'.\n"
CLEAN = SENTENCE.format(**{kind: f"<personal:{kind}>" for kind in VALUES}) + " The key is '<secret:aws-key>'.\n"
FILLER = "Gears pass on motion from one shaft to another, and the ratio of their teeth decides how fast the second turns. " * 4


def source(kind: str = "book") -> Source:
    return Source(name="x", kind=kind, paths=("unused",))


def clean(outcome, kind="book", **settings):
    tally = Tally()
    ((_, found),) = without_private([("path", outcome)], source(kind), Extract(**settings), tally)
    return found, tally


def test_placeholders_stand_where_the_signals_say():
    document, tally = clean(Document("a", "é " + TEXT, title="By greta.gearwheel@maschinenbau.de", author="Greta"))
    assert document.text == "é " + CLEAN
    assert (document.title, document.author) == ("By <personal:email>", "Greta")
    data = document.text.encode()
    assert [data[span.start : span.end].decode() for span in document.replaced] == [f"<{span.kind}>" for span in document.replaced]
    assert tally.personal_data == {"email": 2, "phone": 1, "ip": 1, "iban": 1, "card": 1, "national-id": 1}
    assert tally.secrets == {"aws-key": 1}
    assert clean(document)[0].text == document.text


def test_what_is_looked_for_depends_on_the_kind_of_source():
    assert clean(Document("a", TEXT), kind="code")[0].text == TEXT.replace(VALUES["email"], "<personal:email>").replace(
        KEY, "<secret:aws-key>"
    )
    chosen = PersonalData(kinds={"code": (), "book": ("ip",)})
    assert clean(Document("a", TEXT), kind="code", personal_data=chosen, secrets="keep")[0].text == TEXT
    assert clean(Document("a", TEXT), personal_data=chosen, secrets="keep")[0].text == TEXT.replace(VALUES["ip"], "<personal:ip>")
    assert chosen.kinds["web"] == PersonalData().kinds["web"]


def test_records_are_rejected_or_kept_as_the_configuration_says():
    document = Document("a", TEXT, offset=3, length=5)
    kinds = ", ".join(sorted(VALUES))
    assert clean(document, personal_data=PersonalData(action="reject"))[0] == Reject("a", "personal data", kinds, 3, 5)
    assert clean(document, secrets="reject")[0] == Reject("a", "secrets", "aws-key", 3, 5)
    assert clean(document, personal_data=PersonalData(action="keep"), secrets="keep")[0] is document
    assert clean(Document("b", "nothing"), personal_data=PersonalData(action="reject"))[0] == Document("b", "nothing")
    found, tally = clean(Reject("a", "broken row", f"not a number: {VALUES['email']!r}"))
    assert found.error == "not a number: '<personal:email>'"
    assert not tally.personal_data


def test_a_password_in_an_address_is_the_password():
    text = "https://bob:s3cr3t-Word9@files.gearwheel.de/x"
    assert redacted(text, ["email"], secrets=True)[0] == "https://bob:<secret:password>@files.gearwheel.de/x"


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run over a page, a book, a file of code and a table that hold the same personal data."""
    folder = tmp_path_factory.mktemp("private")
    head = "<head><title>Gears</title><meta name=robots content=noarchive></head>"
    body = f"<html>{head}<body><article><p>{FILLER}<p>{TEXT}<p>{FILLER}</article></body></html>"
    write_warc(folder / "a.warc.gz", [("http://a.example/x", body.encode())])
    (folder / "book.txt").write_text(FILLER + TEXT)
    (folder / "code").mkdir()
    (folder / "code" / "a.py").write_text(f'"""{VALUES["email"]}"""\nkey = "{KEY}"\n')
    rows = [json.dumps({"text": TEXT, "id": 1}), '{"text": "' + VALUES["email"]]
    (folder / "rows.jsonl.gz").write_bytes(gzip.compress("\n".join(rows).encode(), mtime=0))
    paths = {"web": "a.warc.gz", "book": "book.txt", "code": "code", "table": "rows.jsonl.gz"}
    values = {
        "name": "run",
        "output": str(folder / "runs"),
        "sources": [{"name": kind, "kind": kind, "paths": [str(folder / path)]} for kind, path in paths.items()],
        "extract": {"respect_opt_outs": False},
        "filter": {
            "own_presets": {"use": {"noarchive": {"at_most": 0}}, "people": {"replacements": {"at_most": 3}}},
            "presets": {"web": ["use"], "book": ["use", "people"], "code": ["use"], "table": ["use"]},
        },
        "runner": {"workers": 1},
    }
    config = load(write_config(folder / "c.yaml", values))
    made = Run(config.directory)
    perform(EXTRACT, made, config)
    perform(FILTER, made, config)
    return made


def test_no_value_is_anywhere_in_the_run(run):
    """In the bytes of every file, and of every column of every table once decompressed."""
    held = []
    for file in (file for file in run.directory.rglob("*") if file.is_file()):
        held.append(file.read_bytes())
        if file.suffix == ".parquet":
            table = pq.read_table(file)
            held += [buffer.to_pybytes() for column in table.columns for chunk in column.chunks for buffer in chunk.buffers() if buffer]
    for value in [*VALUES.values(), KEY]:
        assert not any(value.encode() in data for data in held), value


def test_signals_say_what_was_replaced_and_what_the_page_says(run):
    documents = pq.read_table(run.directory / "documents").to_pylist()
    signals = pq.read_table(run.directory / "signals").to_pylist()
    for document, row in zip(documents, signals, strict=True):
        data = document["text"].encode()
        assert row["replacements"] == len(row["replaced"]) > 0
        assert all(data[span["start"] : span["end"]] == f"<{span['kind']}>".encode() for span in row["replaced"])
        said = [row[name] for name in ("noindex", "nofollow", "noarchive", "noai", "tdm_reservation")]
        assert said == ([0, 0, 1, 0, 0] if document["kind"] == "web" else [None] * 5)
        assert row["licence_evidence"] == ("none" if document["kind"] == "web" else None)
    counts = run.need("extract").totals["sources"]
    assert counts["table"]["personal_data"] == dict.fromkeys(sorted(VALUES), 1)
    assert counts["code"] | {"secrets": {"aws-key": 1}, "personal_data": {"email": 1}} == counts["code"]


def test_a_page_that_was_kept_may_be_decided_by_what_it_says(run):
    """And a document by how much was replaced in it; both from signals/ alone."""
    kinds = pq.read_table(run.directory / "documents")["kind"].to_pylist()
    rules = pq.read_table(run.directory / "filtered")["rule"].to_pylist()
    assert dict(zip(kinds, rules, strict=True)) == {"web": "use noarchive", "book": "people replacements", "code": None, "table": None}

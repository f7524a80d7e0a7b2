"""Personal data by other projects over texts, one process for each: NAME TEXTS OUT.

Runs in the peer's environment, as a script, and needs nothing of this project; `benchmarks.privacy` uses its loop for ours.

In:  TEXTS, a JSON string a line.
Out: OUT, a line of JSON for each: [start, end, kind] of each span in characters; and {"cpu_s": …} on standard output.

Each is asked for what it finds, without what it does with it: datatrove's formatter by its expressions and its test of addresses, dolma's
tagger by its spans, presidio's recognizers one by one, because its engine wants a spaCy model; that leaves out what it makes of the words
beside a number.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

Spans = Iterable[tuple[int, int, str]]
Finder = Callable[[str], Spans]

KINDS = {
    "EMAIL_ADDRESS": "email", "IP_ADDRESS": "ip", "PHONE_NUMBER": "phone", "IBAN_CODE": "iban", "CREDIT_CARD": "card",
    "US_SSN": "national-id",
}  # fmt: skip
LEAST_SCORE = 0.4  # presidio gives a number without further evidence 0.05 to 0.3


def run(find: Finder, texts: Path, out: Path) -> None:
    """Spans of every text, and the CPU time that finding them took."""
    rows = [json.loads(line) for line in texts.read_text(encoding="utf-8").splitlines()]
    list(find("a@b.com +49 30 1234567 4111111111111111 DE89370400440532013000 58.74.121.78 514-69-0360"))
    started = time.process_time()
    found = [list(find(text)) for text in rows]
    cpu_s = time.process_time() - started
    out.write_text("".join(json.dumps(spans) + "\n" for spans in found), encoding="utf-8")
    sys.stdout.write(json.dumps({"cpu_s": cpu_s}) + "\n")


def datatrove() -> Finder:
    """E-mail and public IP addresses."""
    from datatrove.pipeline.formatters import PIIFormatter

    formatter = PIIFormatter()
    replacers = (("email", formatter.emails_replacer), ("ip", formatter.ip_replacer))

    def find(text: str) -> Spans:
        for kind, replacer in replacers:
            for match in replacer.regex.finditer(text):
                if not replacer.validator or replacer.validator(match[0]):
                    yield *match.span(), kind

    return find


def dolma() -> Finder:
    """E-mail and IP addresses and telephone numbers of North America: pii_regex_with_counts_fast_v2."""
    from dolma.core.data_types import Document
    from dolma.taggers.pii import FastPiiRegex

    tagger = FastPiiRegex()

    def find(text: str) -> Spans:
        spans = tagger.predict(Document(source="", id="", text=text)).spans
        return [(span.start, span.end, KINDS[span.type]) for span in spans if span.type in KINDS]

    return find


def presidio() -> Finder:
    """All six kinds; of national numbers the US one."""
    logging.disable(logging.CRITICAL)
    from presidio_analyzer import predefined_recognizers as recognizers

    names = ("EmailRecognizer", "IpRecognizer", "PhoneRecognizer", "IbanRecognizer", "CreditCardRecognizer", "UsSsnRecognizer")
    asked = [getattr(recognizers, name)() for name in names]

    def find(text: str) -> Spans:
        for recognizer in asked:
            for result in recognizer.analyze(text, recognizer.supported_entities, None):
                if result.score >= LEAST_SCORE:
                    yield result.start, result.end, KINDS[result.entity_type]

    return find


FINDERS: dict[str, Callable[[], Finder]] = {"datatrove": datatrove, "dolma": dolma, "presidio-analyzer": presidio}


if __name__ == "__main__":
    run(FINDERS[sys.argv[1]](), Path(sys.argv[2]), Path(sys.argv[3]))

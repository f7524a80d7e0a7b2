"""Personal data and secrets leave a record here, before anything of it is measured or written.

In:  what a reader of any kind gives: documents and rejects.
Out: the same, with `<personal:KIND>` and `<secret:KIND>` in place of what was found in text, title, author and a reject's words; or a
     reject where the configuration says so.
Lost: nothing; what was found is counted by kind and written nowhere. Locators stay as they are: they name the record.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace

from filters.privacy.personal_data import Span, find_in_bytes, merged, origin, replaced
from filters.privacy.secrets import find_secrets
from pipeline.settings.extract import Extract
from pipeline.settings.sources import Source
from pipeline.sources.records import Outcome, Reject, Tally


def without_private(items: Iterable[tuple[str, Outcome]], source: Source, extract: Extract, tally: Tally) -> Iterator[tuple[str, Outcome]]:
    """Each record's input path and what it is without what is nobody else's business."""
    kinds = extract.personal_data.kinds[source.kind] if extract.personal_data.action != "keep" else ()
    secrets = extract.secrets != "keep"
    refused = {name for name, action in (("secret", extract.secrets), ("personal", extract.personal_data.action)) if action == "reject"}
    for path, outcome in items:
        yield path, _clean(outcome, kinds, tally, secrets=secrets, refused=refused)


def _clean(outcome: Outcome, kinds: Collection[str], tally: Tally, *, secrets: bool, refused: Collection[str]) -> Outcome:
    if isinstance(outcome, Reject):
        error, _ = redacted(outcome.error, kinds, secrets=secrets)
        return replace(outcome, error=error) if error != outcome.error else outcome
    text, placed = redacted(outcome.text, kinds, secrets=secrets)
    title, of_title = redacted(outcome.title or "", kinds, secrets=secrets)
    author, of_author = redacted(outcome.author or "", kinds, secrets=secrets)
    found = [*placed, *of_title, *of_author]
    if not found:
        return outcome
    counts = {name: Counter(span.kind.partition(":")[2] for span in found if span.kind.startswith(name)) for name in ("secret", "personal")}
    for name, reason in (("secret", "secrets"), ("personal", "personal data")):
        if name in refused and counts[name]:
            return Reject(outcome.locator, reason, ", ".join(sorted(counts[name])), outcome.offset, outcome.length)
    tally.secrets.update(counts["secret"])
    tally.personal_data.update(counts["personal"])
    return replace(outcome, text=text, title=title or None, author=author or None, replaced=tuple(placed))


def redacted(text: str, kinds: Collection[str], *, secrets: bool) -> tuple[str, list[Span]]:
    """The text with placeholders, and their ranges in its UTF-8; of kinds `secret:KIND` and `personal:KIND`.

    Args:
        text: without lone surrogates, or the words of an error.
        kinds: of personal data; none: it stays.
        secrets: whether secrets go.
    """
    if not text or not (kinds or secrets):
        return text, []
    data = text.encode("utf-8", "backslashreplace")
    spans = _secrets(data) if secrets else []
    if kinds:
        # What is left of an address beside a password may be an e-mail address with it, so secrets go first.
        rest, placed = replaced(data, spans)
        found = find_in_bytes(rest, kinds)
        personal = [Span(origin(span.start, spans, placed), origin(span.end, spans, placed), f"personal:{span.kind}") for span in found]
        spans = merged([*spans, *personal])
    if not spans:
        return text, []
    clean, placed = replaced(data, spans)
    return clean.decode(), placed


def _secrets(data: bytes) -> list[Span]:
    """Secrets as ranges of bytes."""
    text = data.decode()
    at, begin, spans = 0, 0, []
    for secret in find_secrets(text):
        start = begin + len(text[at : secret.start].encode())
        at, begin = secret.end, start + len(text[secret.start : secret.end].encode())
        spans.append(Span(start, begin, f"secret:{secret.kind}"))
    return spans

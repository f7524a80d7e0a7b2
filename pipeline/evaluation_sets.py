"""Files of evaluation items as an index, and files of words as lists: what extraction holds a text against.

In:  JSON lines, JSON, CSV, TSV or plain text, plain or compressed, at most 1 GiB of it a file.
Out: `filters.contamination.evaluation_index.Index`; word lists by column.
Lost: nothing; a record without the question's field is an error, since items that are silently left out are not searched.
"""

from __future__ import annotations

import csv
import functools
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pyarrow as pa

from filters.contamination.evaluation_index import Index, Item, index_of
from filters.contamination.word_lists import WordList
from pipeline.settings.signals import Contamination, EvaluationSet, Signals, WordListSignal
from pipeline.sources.compression import DamagedInput
from pipeline.sources.files import list_inputs, open_decompressed

QUESTIONS = (
    *("question", "query", "problem", "prompt", "goal", "ctx", "context", "context_options", "sentence", "instruction", "input"),
    "text",
)
ANSWERS = ("answer", "answers", "continuation", "target", "canonical_solution", "final_decision", "output", "response")
CHOICES, NUMBERS = ("choices", "endings", "options"), ("gold", "label", "answer")
LIMIT_BYTES = 1 << 30
_LETTERS = "ABCDEFGHIJ"


def evaluation_settings(settings: Contamination) -> list[Any]:
    """What decides the matches, for the fingerprint of extract: settings, and stamps of the files. Empty where no set is named."""
    stamps = [[item.stamp for item in list_inputs(one.paths)] for one in settings.sets]
    return [settings.model_dump(mode="json"), stamps] if settings.sets else []


@functools.lru_cache(maxsize=2)
def evaluation_index(settings: Contamination) -> Index:
    """The items of all sets, read once for each process: about 50 bytes an n-gram.

    Raises:
        ValueError: a file cannot be read, is damaged, or has a record without a question; a set is empty.
    """
    items = [item for number, one in enumerate(settings.sets) for item in evaluation_items(number, one)]
    return index_of(items, settings.ngram)


def evaluation_items(number: int, one: EvaluationSet) -> list[Item]:
    """The items of one set, numbered from 0 in the order of its files and, within one, of its records.

    Args:
        number: of the set, for its items.
        one: its files and the names of its fields.

    Raises:
        ValueError: a file cannot be read, is damaged, or has a record without a question; the set is empty.
    """
    rows = (_item(row, one, path) for path in (file.path for file in list_inputs(one.paths)) for row in _records(path, one))
    items = [Item(number, k, question, answers) for k, (question, answers) in enumerate(rows)]
    if not items:
        raise ValueError(f"evaluation set {one.name!r} has no items in {', '.join(one.paths)}; correct its paths")
    return items


def _read(path: str) -> str:
    try:
        with open_decompressed(path, limit_bytes=LIMIT_BYTES) as file:
            return file.read().decode("utf-8-sig")
    except (DamagedInput, UnicodeDecodeError) as error:
        raise ValueError(f"{path!r} cannot be read as text of at most 1 GiB: {error}") from error


def _suffix(path: str) -> str:
    """Of the file that was compressed, in lower case."""
    suffixes = [suffix for suffix in PurePosixPath(path.lower()).suffixes if suffix not in {".gz", ".zst", ".bz2", ".xz", ".lz4"}]
    return suffixes[-1] if suffixes else ""


def _records(path: str, one: EvaluationSet) -> Iterator[Mapping[str, Any]]:
    text, suffix = _read(path), _suffix(path)
    try:
        if suffix in {".jsonl", ".ndjson"}:
            for line in text.split("\n"):
                if line.strip():
                    yield _record(json.loads(line), path)
        elif suffix == ".json":
            values = json.loads(text)
            for value in values.values() if isinstance(values, dict) else values if isinstance(values, list) else [values]:
                yield _record(value, path)
        elif suffix in {".csv", ".tsv"}:
            yield from csv.DictReader(
                io.StringIO(text, newline=""), fieldnames=one.columns or None, delimiter="\t" if suffix == ".tsv" else ","
            )
        else:
            yield from ({"text": line} for line in text.split("\n") if line.strip())
    except (json.JSONDecodeError, RecursionError, csv.Error) as error:
        raise ValueError(f"evaluation set {one.name!r}: {path!r} is not what its name says: {str(error)[:200]}") from error


def _record(value: Any, path: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{path!r} holds {str(value)[:60]!r}, which is no record with fields; give items as JSON objects")
    return value


def _item(row: Mapping[str, Any], one: EvaluationSet, path: str) -> tuple[str, tuple[str, ...]]:
    """Question and answers of a record; field names in any case."""
    fields = {str(name).lower(): value for name, value in row.items()}
    wanted = [one.question.lower()] if one.question else QUESTIONS
    name = next((name for name in wanted if _texts(fields.get(name))), None)
    if name is None:
        given = ", ".join(str(field) for field in row)[:120] or "no fields"
        hint = "; name the columns of a file without a line of names" if _suffix(path) in {".csv", ".tsv"} else "; name it"
        asked = repr(one.question) if one.question else f"({', '.join(QUESTIONS)})"
        raise ValueError(f"evaluation set {one.name!r}: a record of {path!r} has no question {asked} among {given}{hint}")
    question = fields[name]
    if name == "context_options" and isinstance(question, list):
        question = _chosen(question, fields) or question[:1]
    answer = one.answer.lower() if one.answer else next((name for name in ANSWERS if _texts(fields.get(name))), None)
    if one.answer and not _texts(fields.get(answer or "")):
        raise ValueError(f"evaluation set {one.name!r}: a record of {path!r} has no answer {one.answer!r}; name another field")
    words = " ".join(_texts(question))
    return words, tuple(_resolved(_texts(fields.get(answer or "")) + _texts(fields.get("aliases")), words, fields))


def _resolved(answers: list[str], question: str, fields: Mapping[str, Any]) -> list[str]:
    """Answers, those that only name a choice (by number in gold or label, or by letter) as the text that stands at it."""
    letters = [answer.strip().upper() for answer in answers]
    if not answers:
        chosen = (_chosen(fields[name], fields) for name in CHOICES if isinstance(fields.get(name), list))
        answers = _texts(next((choice for choice in chosen if choice), None))
        letters = [answer.strip().upper() for answer in answers]
    if len(letters) == 1 and len(letters[0]) == 1 and letters[0] in _LETTERS:
        if stated := re.search(rf"^[ \t]*\(?{letters[0]}[.):][ \t]*(\S.*)$", question, re.MULTILINE):
            return [stated[1]]
        return _texts(fields.get(letters[0].lower())) or _chosen_of(fields, _LETTERS.index(letters[0])) or answers
    return answers


def _chosen_of(fields: Mapping[str, Any], number: int) -> list[str]:
    lists = (fields[name] for name in CHOICES if isinstance(fields.get(name), list))
    return next((_texts(choices[number]) for choices in lists if number < len(choices)), [])


def _chosen(choices: Sequence[Any], fields: Mapping[str, Any]) -> list[Any]:
    """The choice whose number a field gives; none where it gives none."""
    for name in NUMBERS:
        value = fields.get(name)
        if isinstance(value, int) or (isinstance(value, str) and value.isdecimal()):
            return [choices[int(value)]] if 0 <= int(value) < len(choices) else []
    return []


def _texts(value: Any) -> list[str]:
    """Strings and numbers in a value, in order, those of lists and mappings among them; blank ones are none."""
    found: list[str] = []
    stack = [value]
    while stack:
        top = stack.pop()
        if isinstance(top, dict):
            stack += reversed(list(top.values()))
        elif isinstance(top, list):
            stack += reversed(top)
        elif isinstance(top, str | int | float) and str(top).strip():
            found.append(str(top))
    return found


def word_list_settings(settings: Signals) -> list[Any]:
    """What decides the counts of word lists, for the fingerprint of extract. Empty where there is none."""
    return [[one.model_dump(mode="json"), [item.stamp for item in list_inputs(one.paths)]] for one in settings.word_lists]


def word_list_columns(settings: Signals) -> list[str]:
    """Names of their columns."""
    return [f"{name}_words" for name in dict.fromkeys(one.name for one in settings.word_lists)]


@functools.lru_cache(maxsize=256)
def word_list(one: WordListSignal) -> WordList:
    """A list, read once for each process.

    Raises:
        ValueError: a file cannot be read, or an entry is too long.
    """
    try:
        return WordList.of(line.strip() for item in list_inputs(one.paths) for line in _read(item.path).split("\n") if line.strip())
    except ValueError as error:
        raise ValueError(f"signals.word_lists {one.name!r}: {error}") from error


def word_counts(texts: pa.StringArray, languages: pa.Array, settings: Signals) -> dict[str, pa.Array]:
    """The columns of word lists, float32; null for documents of languages that a column has no list for."""
    columns = {name: np.full(len(texts), np.nan, np.float32) for name in word_list_columns(settings)}
    for one in settings.word_lists:
        mask = np.ones(len(texts), np.bool_)
        if one.languages:
            mask = np.array([language in one.languages for language in languages.to_pylist()], np.bool_)
        if mask.any():
            columns[f"{one.name}_words"][mask] = word_list(one).count(texts.filter(pa.array(mask)))
    return {name: pa.array(values, from_pandas=True) for name, values in columns.items()}

"""How surprising a text is to a model of word trigrams: perplexity per byte. Not KenLM.

KenLM, which CCNet (Wenzek et al. 2020, arXiv:1911.00359) made the usual one, comes without wheels on PyPI and would need a compiler on
the user's machine. This model is of the same family, an interpolated n-gram model, and simpler: absolute discounting (Ney, Essen and
Kneser 1994) where KenLM has modified Kneser-Ney, n of 3 where CCNet has 5, and the tokens of `filters.words` where CCNet has
SentencePiece's. So its numbers compare with those of the same model alone.

The probability of a token w after u v, c being counts and D a discount for each order (n1 / (n1 + 2 n2), from how many n-grams occur once
and twice):

    p(w | u v) = max(0, c(u v w) - D3) / c(u v) + b(u v) p(w | v)
    p(w | v)   = max(0, c(v w) - D2) / c(v) + b(v) p(w)
    p(w)       = max(0, c(w) - D1) / n, of a word that the model lacks b() spelled(w)

where b is what the n-grams that the model holds leave over, so that a line sums to 1 over all words, whatever was pruned. A word that the
model lacks is spelled: each character is one of 32 and says whether it is the last, 6 bits. Tokens are as they stand, case included;
line ends do not count; before a text stand two starts.

Perplexity is 2 to the bits per byte: the sum of -log2 p over the tokens, divided by the bytes of UTF-8 that are no ASCII blank or control.
Prose scores 5 to 20. Per token, as KenLM's users have it, short tokens make text look better than it is: against the human quality labels
of DCLM (153 texts; models of technical, biomedical and encyclopedic text) rank correlation was 0.28, 0.37 and 0.36 per token, and 0.46,
0.55 and 0.50 per byte.
"""

# A kernel takes its scratch arrays as arguments, compares integers one by one, and its integers get their types from numba.
# mypy: disable-error-code="assignment, no-any-return"

from __future__ import annotations

import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters import words as word
from filters.kernel import kernel
from filters.statistics.repetition import LIMIT
from filters.text import bytes_and_offsets
from filters.unicode import classes as unicode_classes
from filters.words import mix

FORMAT = 1
START = np.uint64(0x9E3779B97F4A7C15)
"""Stands in place of the hash of a token before a text."""
UNIT = 1024
"""Steps in a bit: costs are whole numbers of 1/1024 bits, below 64 bits."""
SPELLED = 6 * UNIT
MODEL_BYTES = 4 << 30
"""A larger model is not read."""
ROOT = np.uint64(0xD1B54A32D192ED03)
"""The key of the empty context, whose back-off is b()."""

_ORDER_2 = np.uint64(0xA24BAED4963EE407)
_ORDER_3 = np.uint64(0x9FB21C651E98DF25)
_16, _32 = np.uint64(16), np.uint64(32)
_LOW_16 = np.uint64(0xFFFF)


@kernel
def pair_key(first: np.uint64, second: np.uint64) -> np.uint64:
    """Of two tokens."""
    return mix(first * _ORDER_2 + second)


@kernel
def triple_key(pair: np.uint64, third: np.uint64) -> np.uint64:
    """Of a pair's key and one token more."""
    return mix(pair * _ORDER_3 + third)


@kernel
def _find(entries: npt.NDArray[np.uint64], key: np.uint64) -> np.uint64:
    """The entry of a key, 0 where there is none: the key's upper 32 bits, then cost and back-off in 16 bits each."""
    mask = len(entries) - 1
    check = (key >> _32) | np.uint64(1)
    slot = np.int64(key) & mask
    while entries[slot] != 0 and entries[slot] >> _32 != check:
        slot = (slot + 1) & mask
    return entries[slot]


@kernel
def fill(
    entries: npt.NDArray[np.uint64], keys: npt.NDArray[np.uint64], costs: npt.NDArray[np.uint16], backs: npt.NDArray[np.uint16]
) -> None:
    """Put keys into a table, in their order; of two that cannot be told apart the first stays."""
    mask = len(entries) - 1
    for i in range(len(keys)):
        check = (keys[i] >> _32) | np.uint64(1)
        slot = np.int64(keys[i]) & mask
        while entries[slot] != 0 and entries[slot] >> _32 != check:
            slot = (slot + 1) & mask
        if entries[slot] == 0:
            entries[slot] = (check << _32) | (np.uint64(costs[i]) << _16) | np.uint64(backs[i])


@kernel
def _cost(entries, root, u, v, w, length):  # type: ignore[no-untyped-def]
    """-log2 p(w | u v) in units; `length` is the characters of w."""
    pair = pair_key(u, v)
    found = _find(entries, triple_key(pair, w))
    if found:
        return np.int64((found >> _16) & _LOW_16)
    cost = np.int64(_find(entries, pair) & _LOW_16)
    found = _find(entries, pair_key(v, w))
    if found:
        return cost + np.int64((found >> _16) & _LOW_16)
    cost += np.int64(_find(entries, v) & _LOW_16)
    found = _find(entries, w)
    if found:
        return cost + np.int64((found >> _16) & _LOW_16)
    return cost + root + SPELLED * length


@kernel
def _score(data, offsets, classes, entries, root, hashes, lengths, bits, sizes):  # type: ignore[no-untyped-def]
    """Fill `bits` and `sizes`, float64 [texts]."""
    tally = np.zeros(word.TALLIES, np.int64)
    for document in range(len(offsets) - 1):
        tally[:] = 0
        word.tokenize(data, offsets[document], offsets[document + 1], classes, hashes, lengths, tally)
        u = v = START
        total = 0
        for k in range(tally[word.STORED]):
            w = hashes[k]
            total += _cost(entries, root, u, v, w, lengths[k])
            u, v = v, w
        size = 0
        for k in range(offsets[document], offsets[document + 1]):
            size += data[k] > 0x20
        bits[document] = total / UNIT
        sizes[document] = size * tally[word.STORED] / max(1, tally[word.TOKENS])


@dataclass(frozen=True, slots=True)
class PerplexityModel:
    """A trained model: one open-addressing table of all its n-grams."""

    entries: npt.NDArray[np.uint64]
    """uint64 [power of two], 0 where free; see `_find`. At most two thirds full."""

    def bits(self, texts: pa.StringArray) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Bits of each text and how many bytes they are of, float64 [n]; of a text of more than 4,194,304 tokens those, and their part of
        its bytes.

        Raises:
            TypeError: `texts` is no array of strings.
        """
        data, offsets = bytes_and_offsets(texts)
        most = min(int(np.max(np.diff(offsets), initial=0)), LIMIT) + 1
        hashes, lengths = np.empty(most, np.uint64), np.empty(most, np.int32)
        bits, sizes = np.zeros(len(texts), np.float64), np.zeros(len(texts), np.float64)
        root = int(_find(self.entries, ROOT) & _LOW_16)
        _score(data, offsets, unicode_classes(), self.entries, root, hashes, lengths, bits, sizes)
        return bits, sizes

    def perplexity(self, texts: pa.StringArray) -> npt.NDArray[np.float32]:
        """2 to the bits per byte of each text, float32 [n]; NaN for a text without such bytes."""
        bits, sizes = self.bits(texts)
        with np.errstate(invalid="ignore", over="ignore"):
            return np.exp2(bits / np.where(sizes > 0, sizes, np.nan)).astype(np.float32)

    def save(self, path: Path) -> None:
        """Write the model as .npz: entries in the order of their slots, without the free ones. Equal models give equal bytes."""
        slots = np.flatnonzero(self.entries)
        arrays = {
            "format": np.array([FORMAT, len(self.entries)], np.int64),
            "slots": np.diff(slots, prepend=0).astype(np.uint8 if np.max(np.diff(slots, prepend=0), initial=0) < 256 else np.int64),
            "checks": (self.entries[slots] >> _32).astype(np.uint32),
            "costs": ((self.entries[slots] >> _16) & _LOW_16).astype(np.uint16),
            "backs": (self.entries[slots] & _LOW_16).astype(np.uint16),
        }
        with path.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | Path) -> PerplexityModel:
        """Read what `save` wrote; nothing in the file is executed.

        Raises:
            ValueError: there is no such file, or it is no such model.
        """
        try:
            with zipfile.ZipFile(path) as file:
                _checked(sum(member.file_size for member in file.infolist()) <= MODEL_BYTES, f"more than {MODEL_BYTES} bytes")
            with np.load(path, allow_pickle=False) as arrays:
                version, size = (int(value) for value in arrays["format"])
                _checked(version == FORMAT, f"format {version}")
                _checked(0 < size <= MODEL_BYTES // 8 and not size & (size - 1), f"{size} slots")
                slots = np.cumsum(arrays["slots"].astype(np.int64))
                values = [arrays[name].astype(np.uint64) for name in ("checks", "costs", "backs")]
            _checked(all(column.shape == slots.shape for column in values), "columns of different lengths")
            # Without a free slot a search would not end.
            _checked(len(slots) < size and np.all((slots >= 0) & (slots < size)), "entries that do not fit")
        except FileNotFoundError as error:
            raise ValueError(f"{str(path)!r} is no file; give a model that `curate train-perplexity` wrote") from error
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"{str(path)!r} is no model of `curate train-perplexity`: {error}") from error
        entries = np.zeros(size, np.uint64)
        entries[slots] = (values[0] << _32) | (values[1] << _16) | values[2]
        return cls(entries)


def _checked(holds: bool | np.bool_, wrong: str) -> None:
    if not holds:
        raise ValueError(wrong)

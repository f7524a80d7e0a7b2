"""Words and phrases of a list counted in texts: bad words, as C4 has it (Raffel et al. 2020, section 2.2), or any other.

An entry is found as whole words in any case, whatever stands between its words; in a script without blanks (`phrase_classes`) as a plain
substring. An entry without a letter or digit ("🖕") is never found.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from filters.contamination.ngram_table import LONGEST, KeyTable, count_phrases, key_table, phrase_keys, word_hashes
from filters.word_hashes import phrase_classes


@dataclass(frozen=True)
class WordList:
    """Entries of a list, to be counted."""

    table: KeyTable
    lengths: npt.NDArray[np.int64]
    """Numbers of words that entries have, rising."""

    @classmethod
    def of(cls, entries: Iterable[str]) -> WordList:
        """Of words and phrases.

        Raises:
            ValueError: an entry has more than `LONGEST` words.
        """
        texts = list(entries)
        hashes, offsets = word_hashes(pa.array(texts, pa.string()), phrase_classes())
        lengths = np.diff(offsets)
        if lengths.max(initial=0) > LONGEST:
            raise ValueError(f"{texts[int(lengths.argmax())][:60]!r} has {lengths.max()} words; give entries of at most {LONGEST}")
        some = lengths > 0
        keys = np.unique(phrase_keys(hashes, offsets[:-1][some], offsets[1:][some]))
        return cls(key_table(keys), np.unique(lengths[some]).astype(np.int64))

    def count(self, texts: pa.StringArray) -> npt.NDArray[np.int64]:
        """Words of each text at which an entry ends, int64 [n]; null counts as empty."""
        return count_phrases(texts, self.lengths, self.table)

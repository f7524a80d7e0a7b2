"""Which names have occurred before in a file."""

from __future__ import annotations

from array import array

import xxhash


class Distinct:
    """A set of names that is only asked whether it has one: 12 to 24 bytes a name, where a set of strings takes 150.

    Names of equal xxh3-64 count as equal: two among 10 million names with a chance of 3 in a million.
    """

    def __init__(self) -> None:
        self.table = array("Q", bytes(8 << 10))
        self.used = 0

    def add(self, name: str) -> bool:
        """Whether the name is new; it is not new a second time."""
        # 0 marks a free place.
        if not self._put(xxhash.xxh3_64_intdigest(name.encode("utf-8", "surrogatepass")) or 1):
            return False
        self.used += 1
        if 3 * self.used > 2 * len(self.table):
            values = self.table
            self.table = array("Q", bytes(16 * len(values)))
            for value in values:
                if value:
                    self._put(value)
        return True

    def _put(self, value: int) -> bool:
        table, mask = self.table, len(self.table) - 1
        at = value & mask
        while held := table[at]:
            if held == value:
                return False
            at = (at + 1) & mask
        table[at] = value
        return True

r"""The LaTeX source of papers in an archive: which of its files are documents, and which are parts of them.

A document is a file with `\documentclass`; a part is a file that a document takes in by `\input`, `\include` or `\subfile`, or one whose
ending says that LaTeX reads or draws it. Names are looked up in the archive's own list and never in the file system.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath

from filters.text import normalise_text
from pipeline.sources.archives import Member
from pipeline.sources.book import Book, NotABook
from pipeline.sources.charset import decode_text
from pipeline.sources.latex import is_latex, read_with_parts


def _endings(text: str) -> frozenset[str]:
    return frozenset(f".{ending}" for ending in text.split())


TEXTS = _endings("tex ltx latex")
# What LaTeX, BibTeX and their drivers read or write beside the text.
PARTS = _endings(
    "sty cls clo cfg def fd bst bbl bib bbx cbx ist aux out log toc lof lot idx ind blg brf nav snm vrb vf fls synctex fdb_latexmk eps ps"
    " pdf png jpg jpeg gif svg tif tiff bmp pstex pstex_t pdf_t eps_tex tikz pgf mp dat ttf otf pfb tfm"
)


class Project:
    """The texts of an archive that holds papers."""

    def __init__(self, texts: dict[str, str]):
        self.texts = texts
        self.mains = [path for path, text in texts.items() if is_latex(text)]
        self.taken: set[str] = set()

    @classmethod
    def of(cls, members: Sequence[Member], most_bytes: int) -> Project | None:
        """The project in an archive; None where no file of it is a LaTeX document, or its texts have more than `most_bytes`.

        A text that cannot be read is left to its own record.
        """
        texts: dict[str, str] = {}
        held = 0
        for member in members:
            if PurePosixPath(member.name).suffix.lower() in TEXTS:
                try:
                    data = member.read()
                    held += len(data)
                    if held > most_bytes:
                        return None
                    texts[member.name.removeprefix("./")] = normalise_text(decode_text(data))
                except (NotABook, UnicodeDecodeError):
                    continue
        project = cls(texts)
        return project if project.mains else None

    def read(self, main: str) -> Book:
        """The paper of one of `mains`; `is_part` knows its parts thereafter.

        Raises:
            NotABook: as `latex.read_latex`.
        """
        book, parts = read_with_parts(self.texts[main], self.texts, main)
        self.taken |= parts
        return book

    def is_part(self, name: str) -> bool:
        """Whether a file is a document here or belongs to one; asked once all of `mains` were read."""
        name = name.removeprefix("./")
        return name in self.mains or name in self.taken or PurePosixPath(name).suffix.lower() in PARTS

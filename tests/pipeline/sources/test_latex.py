r"""LaTeX sources: the text of a paper, out of one file or an archive, and limits on what macros may do."""

from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.settings.extract import Extract
from pipeline.settings.sources import Source
from pipeline.sources import books
from pipeline.sources.book import NotABook
from pipeline.sources.latex import read_latex
from pipeline.sources.records import Document, Outcome, Tally

PAPER = r"""\documentclass[11pt]{article} % not text
\usepackage[english,ngerman]{babel}
\newcommand{\R}{\mathbb{R}}
\newcommand{\norm}[2][p]{\|#2\|_{#1}}
\def\be{\begin{equation}}
\def\ee{\end{equation}}
\newtheorem{satz}{Satz}
\DeclareMathOperator{\Tr}{Tr}
\title{On the \emph{M\"obius} function\thanks{Funded.}}
\author{Jos\'e A.~Garc\'{\i}a$^{1}$\\ Univ. of X \and {\L}ukasz B. \\ Y}
\date{March 12, 2019}
\begin{document}
\maketitle
\section[Short]{Introduction}\label{sec:i}
Let $f: \R \to \R$ be smooth~\cite{a,b}; 50\% of
them are ``nice''---see\footnote{A note with {braces}.} below. % hidden

A \textbf{bold \textit{word}} and \textcolor{red}{red} ones.
\be
 \norm{x} + \norm[2]{y} = \Tr(A) \label{eq:1}
\ee
where $a$ costs \$5.
\begin{figure}\includegraphics{x.png}\caption{Cap}\end{figure}
\begin{itemize}\item One \item[b)] Two\end{itemize}
\begin{satz} It is so. \end{satz}
\begin{verbatim}
  x = 100% {y}
\end{verbatim}
\iffalse hidden \ifx a b \fi hidden \fi
\input{parts/more}
\input{../../../etc/passwd}
\begin{thebibliography}{9}\bibitem{a} Hidden.\end{thebibliography}
\end{document}
hidden
"""
TEXT = r"""Introduction

Let $f: \mathbb{R} \to \mathbb{R}$ be smooth ; 50% of them are “nice”—see below.

A bold word and red ones.
\begin{equation} \|x\|_{p} + \|y\|_{2} = \operatorname{Tr}(A) \end{equation}
where $a$ costs $5.
- One
- b) Two

Satz. It is so.

  x = 100% {y}

From a part."""
MORE = "From a part. \\input{parts/more}"


def tar(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def zipped(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def read(path: Path) -> dict[str, Outcome]:
    tally = Tally()
    found = list(books.outcomes(path, Source(name="papers", kind="book", paths=("unused",)), Extract(), tally))
    assert tally.records == len(found)
    return {outcome.locator: outcome for outcome in found}


def test_a_paper_is_its_text_with_maths_as_latex_and_macros_expanded():
    book = read_latex(PAPER, {"parts/more.tex": MORE})
    assert book.text == TEXT
    assert (book.title, book.author) == ("On the Möbius function", "José A. García; Łukasz B.")
    assert (book.language, book.date) == ("ngerman", "2019-03-12")


def test_a_single_file_of_arxiv_is_a_book(tmp_path):
    (tmp_path / "1234.5678.gz").write_bytes(gzip.compress(PAPER.encode("latin-1"), mtime=0))
    (paper,) = read(tmp_path).values()
    assert isinstance(paper, Document)
    assert paper.text == TEXT.removesuffix("\n\nFrom a part.")
    assert (paper.title, paper.author, paper.stated_language) == ("On the Möbius function", "José A. García; Łukasz B.", "ngerman")


@pytest.mark.parametrize("pack", [lambda files: gzip.compress(tar(files), mtime=0), tar, zipped], ids=["tar.gz", "tar", "zip"])
def test_a_source_archive_is_one_record_per_paper(tmp_path, pack):
    files = {
        "src/ms.tex": PAPER.encode(),
        "src/parts/more.tex": MORE.encode(),
        "src/x.png": b"\x89PNG",
        "src/refs.bib": b"@a{}",
        "supplement.tex": b"\\documentclass{a}\\begin{document}More to read.\\end{document}",
        "unused.tex": b"A part that no document takes in.",
        "notes.txt": b"Notes that stand by themselves.",
    }
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "paper").write_bytes(pack(files))
    found = read(tmp_path / "in")
    assert set(found) == {"paper!src/ms.tex", "paper!supplement.tex", "paper!unused.tex", "paper!notes.txt"}
    assert found["paper!src/ms.tex"].text == TEXT.removesuffix("\n\nFrom a part.") + "\n\nFrom a part."
    assert found["paper!supplement.tex"].text == "More to read."
    assert found["paper!unused.tex"].reason == "TeX without a document"
    assert isinstance(found["paper!notes.txt"], Document)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("\\documentclass{a}\n\\section{x}", "TeX without a document"),
        ("% \\documentclass{a}\nOnly a part.", "TeX without a document"),
        ("How to begin:\n\n\\documentclass{a}\n\\begin{document}\n", "TeX without a document"),
    ],
)
def test_a_file_without_a_document_is_refused(tmp_path, content, expected):
    """A manual that quotes a document is none."""
    (tmp_path / "a.tex").write_text(content)
    (outcome,) = read(tmp_path / "a.tex").values()
    assert outcome.reason == expected


def test_parts_lie_beside_the_document_that_takes_them_in(tmp_path):
    """`src/ms.tex` takes in `src/parts/more.tex`, not `parts/more.tex` of the archive's root, and nothing of this machine."""
    (tmp_path / "secret.tex").write_text("SECRET")
    escape = f"\\documentclass{{a}}\\begin{{document}}Open. \\input{{{tmp_path}/secret}}\\input{{../../secret}}\\end{{document}}".encode()
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.tar").write_bytes(tar({"src/ms.tex": escape, "secret.tex": b"ROOT"}))
    found = read(tmp_path / "in")
    assert found["a.tar!src/ms.tex"].text == "Open."
    assert found["a.tar!secret.tex"].reason == "TeX without a document"


def test_the_bulk_archives_of_arxiv_hold_an_archive_per_paper(tmp_path):
    inner = gzip.compress(tar({"ms.tex": PAPER.encode(), "parts/more.tex": MORE.encode()}), mtime=0)
    single = gzip.compress(b"\\documentstyle{a}\\begin{document}Old.\\end{document}", mtime=0)
    other = gzip.compress(tar({"a.txt": b"no paper"}), mtime=0)
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "bulk.tar").write_bytes(tar({"1901/1.gz": inner, "1901/2.gz": single, "1901/3.gz": other}))
    found = read(tmp_path / "in")
    assert found["bulk.tar!1901/1.gz!ms.tex"].text == TEXT
    assert found["bulk.tar!1901/2.gz"].text == "Old."
    assert found["bulk.tar!1901/3.gz"].reason == "not a book: archive inside an archive"


def test_an_unpaired_dollar_costs_its_paragraph():
    text = read_latex("\\documentclass{a}\\begin{document}It costs $5 to \\emph{enter}.\n\nThe \\emph{next} one.\\end{document}").text
    assert text.endswith("\n\nThe next one.")


EVIL = {
    "never closed": "\\cite{" * 300_000,
    "accents in accents": "{\\'" * 100_000,
    "doubling": "\\newcommand{\\x}{\\x\\x}\\x",
    "twentyfold": "\\def\\ma{x x}" + "".join(f"\\def\\m{chr(98 + n)}{{{f'{chr(92)}m{chr(97 + n)}' * 20}}}" for n in range(20)) + "\\mu",
    "one file again and again": "\\input{part}" * 100_000,
}
DEEP = {
    "groups": "\\textbf{" * 100_000 + "x" + "}" * 100_000,
    "formulas": "\\begin{equation}" * 50_000 + "\\end{align}" * 50_000,
    "verbatim": "\\begin{verbatim}" * 50_000,
    "environments": "\\begin{figure}" * 50_000 + "\\end{figure}" * 50_000 + "x",
    "accents": "\\'{" * 1000 + "e" + "}" * 1000,
    "titles": "\\title{" * 1000 + "x" + "}" * 1000,
}


@pytest.mark.parametrize("evil", EVIL.values(), ids=EVIL)
def test_a_document_that_grows_or_never_closes_is_refused(evil):
    with pytest.raises(NotABook) as caught:
        read_latex("\\documentclass{a}\\begin{document}" + evil, {"part.tex": "word " * 50})
    assert caught.value.reason == "too complex"


@pytest.mark.parametrize("deep", DEEP.values(), ids=DEEP)
def test_nesting_is_no_recursion(deep):
    assert isinstance(read_latex("\\documentclass{a}\\begin{document}" + deep).text, str)


PIECES = [*"{}[]$\\%&~#\n a", "\\begin{", "\\end{", "equation}", "\\newcommand", "\\x", "\\input{a}", "\\item", "#1", "\\verb"]


@settings(max_examples=150, deadline=None)
@given(pieces=st.lists(st.sampled_from(PIECES)))
def test_whatever_a_document_holds_it_is_a_book_or_a_reason(pieces):
    try:
        found = read_latex("\\documentclass{a}\\begin{document}" + "".join(pieces), {"a": "\\x{"}).text
    except NotABook as error:
        found = error.reason
    assert isinstance(found, str)

"""Rule sets for source code."""

from __future__ import annotations

import math

from filters.presets.bounds import Bound, Preset

_NONE = -math.inf  # as the lower end of a range: no bound of that signal
_NO_LINE_LIMITS = (Bound("mean_line_length", at_least=_NONE), Bound("max_line_length", at_least=_NONE))
_FEW_LETTERS = Bound("alphabetic_share", at_least=0.25)
_DATA = (Bound("alphabetic_share", at_least=0.5), Bound("characters", at_least=50, at_most=5000))

STARCODER_2023 = Preset(
    name="starcoder@2023",
    bounds=(
        Bound("mean_line_length", at_most=100),  # characters
        Bound("max_line_length", at_most=1000),
        Bound("alphanumeric_share", at_least=0.25),
        Bound("xml_header", at_most=0),
        Bound("visible_html_share", at_least=0.2),
        Bound("visible_html_characters", at_least=100),
    ),
    languages={
        **dict.fromkeys(
            ("BibTeX", "Bluespec", "CMake", "Markdown", "R", "RMarkdown", "SQL", "Stata", "TeX", "reStructuredText"), _NO_LINE_LIMITS
        ),
        **dict.fromkeys(("Augeas", "Maple", "Scheme", "SystemVerilog", "VHDL", "Yacc"), (_FEW_LETTERS,)),
        **dict.fromkeys(("MATLAB", "Mathematica"), (*_NO_LINE_LIMITS, _FEW_LETTERS)),
        "JSON": (*_NO_LINE_LIMITS, *_DATA),
        "YAML": _DATA,
        "SAS": (Bound("alphanumeric_share", at_least=_NONE),),
        "XSLT": (Bound("xml_header", at_least=_NONE),),
    },
)
"""Li et al. 2023 (arXiv:2305.06161), section 3, and bigcode-dataset: preprocessing/filtering.py and its table per extension,
preprocessing/visual_inspection.csv.

The table gives most extensions 1,000 characters for the longest line, with it 100 for the mean, and a quarter of alphanumeric characters.
`languages` is where it differs, by the names of GitHub's linguist, as the `language` column of code has them: no line limits ("remove"), a
quarter of letters as well for languages that hide data ("Alpha filter"), nothing asked of XSLT's header or of SAS's characters, and the
paper's 50 to 5,000 characters, half of them letters, for JSON and YAML. Where extensions of one language differ, the most common one
speaks: of MATLAB, Mathematica and Scheme all are under the alpha filter, of Ada, GLSL and Visual Basic none though the table has it for
.ads, .fp and .bas. The paper keeps HTML with "at least 20 %" visible text and "at least 100" characters, the code more than either;
visible text is BeautifulSoup's there and that of `filters.statistics.code` here. What is HTML is told from the text. Not in it: the
extensions that the table leaves out ("Include" 0), and its 500 characters for .fsh.
"""

_LONG_LINES = (Bound("mean_line_length", at_least=_NONE), Bound("max_line_length", at_most=100_000))
_SHORT_FILE = Bound("lines", at_most=512)
_SYMBOLS_ALLOWED = (Bound("alphabetic_share", at_least=_NONE), Bound("alphanumeric_share", at_least=0.25))

STARCODER2_2024 = Preset(
    name="starcoder2@2024",
    bounds=(
        Bound("lines", at_most=100_000),
        Bound("mean_line_length", at_most=100),
        Bound("max_line_length", at_most=1000),
        Bound("alphabetic_share", at_least=0.25),
        Bound("visible_html_share", at_least=0.2),
        Bound("visible_html_characters", at_least=100),
        Bound("generated_marker", at_most=0),
        Bound("longest_encoded_run", at_most=1024),
        Bound("encoded_share", at_most=0.5),
    ),
    languages={
        **dict.fromkeys(("HTML", "Markdown", "Roff", "Roff Manpage", "SMT", "TeX", "XML"), _LONG_LINES),
        **dict.fromkeys(("JSON", "Text"), (*_LONG_LINES, _SHORT_FILE)),
        **dict.fromkeys(("Graphviz (DOT)", "Web Ontology Language", "YAML"), (_SHORT_FILE,)),
        **dict.fromkeys(("Motorola 68K Assembly", "WebAssembly"), _SYMBOLS_ALLOWED),
    },
)
"""Lozhkov et al. 2024 (arXiv:2402.19173), section 2.1: the filters of The Stack v2.

`languages` are those that the paper excepts, by the names of GitHub's linguist. Encoded data is runs of base64 and of hexadecimal bytes by
the paper's regular expressions, as `filters.statistics.code` states them; escapes of Unicode code points are not counted. Differs in:
lines are those that are not blank; go-enry's detection of generated files is only the paper's own test for a marker in the first five
lines; which files of plain text are kept goes by their names and is not in it.
"""

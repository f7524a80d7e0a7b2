"""What the common commands and environments of LaTeX do to the text: tables for `latex`, from the LaTeX2e reference manual (latexref.xyz)
and the manuals of the packages that papers load most.
"""

from __future__ import annotations


def _arguments(text: str) -> dict[str, int]:
    """`name3` is a command of three arguments."""
    return {word[:-1]: int(word[-1]) for word in text.split()}


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


# Commands that leave no text, with how many arguments go with them; what stands behind these stays: `\textcolor{red}{x}`.
DROPPED = _arguments(
    "documentclass1 documentstyle1 usepackage1 RequirePackage1 PassOptionsToPackage2 pagestyle1 thispagestyle1 pagenumbering1 label1 ref1"
    " eqref1 pageref1 autoref1 cref1 Cref1 vref1 nameref1 cite1 citep1 citet1 citealt1 citealp1 citeauthor1 citeyear1 citeyearpar1 Cite1"
    " Citet1 Citep1 citen1 onlinecite1 nocite1 autocite1 parencite1 textcite1 footcite1 footnote1 footnotetext1 footnotemark0 thanks1"
    " tnoteref1 corref1 fnref1 index1 glossary1 includegraphics1 epsfig1 psfig1 epsfbox1 epsffile1 special1 graphicspath1 caption1"
    " captionof2 bibliography1 bibliographystyle1 addbibresource1 bibitem1 setlength2 addtolength2 settowidth2 newlength1 setcounter2"
    " addtocounter2 newcounter1 stepcounter1 refstepcounter1 numberwithin2 vspace1 hspace1 vskip0 hskip0 rule2 phantom1 hphantom1 vphantom1"
    " smash0 color1 textcolor1 colorbox1 fcolorbox2 definecolor3 resizebox2 scalebox1 rotatebox1 raisebox1 parbox1 makebox0 framebox0"
    " multicolumn2 multirow2 cline1 hypersetup1 href1 hyperref0 hypertarget1 hyperlink1 pdfbookmark2 addcontentsline3 markboth2 markright1"
    " fontsize2 selectlanguage1 foreignlanguage1 linespread1 theoremstyle1 allowdisplaybreaks0 affil1 affiliation1 address1 institute1"
    " institution1 email1 ead1 emailAdd1 orcid1 pacs1 keywords1 subjclass1 preprint1 received1 revised1 accepted1 doi1 inst1"
    " altaffiliation1"
    " altaffilmark1 altaffiltext2 noaffiliation0 titlerunning1 authorrunning1 institutename1 dedicatory1 urladdr1 curraddr1"
    " lstset1 lstinputlisting1 bibinfo1 tikzset1 usetikzlibrary1 pgfplotsset1 geometry1 captionsetup1 setlist1 fancyhf1 lhead1 rhead1"
    " chead1 lfoot1"
    " rfoot1 cfoot1 hyphenation1 includeonly1 externaldocument1 newblock0 ccsdesc1 acmConference3 acmDOI1 acmISBN1 acmYear1 setcopyright1"
    " settopmatter1 IEEEauthorblockA1 noindent0"
)

DROPPED_ENVIRONMENTS = _names(
    "figure figure* wrapfigure SCfigure sidewaysfigure subfigure table table* wraptable sidewaystable longtable longtable* tabular tabular*"
    " tabularx tabulary tabbing supertabular deluxetable thebibliography references tikzpicture pspicture picture pgfpicture axis comment"
    " filecontents filecontents* teaserfigure CCSXML algorithm algorithm2e algorithmic keyword keywords IEEEkeywords"
)
MATHS_ENVIRONMENTS = _names(
    "equation equation* align align* alignat alignat* aligned gather gather* multline multline* eqnarray eqnarray* flalign flalign* math"
    " displaymath dmath dmath*"
)
VERBATIM_ENVIRONMENTS = _names("verbatim verbatim* Verbatim BVerbatim lstlisting minted alltt")
HEADINGS = _names("part chapter section subsection subsubsection paragraph subparagraph")
LISTS = _names("itemize enumerate description list compactitem compactenum inparaenum")
THEOREMS = {
    name: name.capitalize()
    for name in _names("theorem lemma proposition corollary definition remark example conjecture claim proof assumption")
}

# Combining characters for the accents of LaTeX's text mode.
ACCENTS = {
    "'": "\u0301", "`": "\u0300", "^": "\u0302", '"': "\u0308", "~": "\u0303", "=": "\u0304", ".": "\u0307",
    "u": "\u0306", "v": "\u030c", "H": "\u030b", "c": "\u0327", "k": "\u0328", "r": "\u030a", "d": "\u0323", "b": "\u0331",
}  # fmt: skip
SYMBOLS = {
    "ss": "ß", "ae": "æ", "AE": "Æ", "oe": "œ", "OE": "Œ", "o": "ø", "O": "Ø", "l": "ł", "L": "Ł", "aa": "å", "AA": "Å", "i": "ı", "j": "ȷ",
    "dh": "ð", "DH": "Ð", "th": "þ", "TH": "Þ", "S": "§", "P": "¶", "pounds": "£", "euro": "€", "copyright": "©", "textregistered": "®",
    "texttrademark": "™", "textdegree": "°", "degree": "°", "dag": "†", "ddag": "‡", "dots": "…", "ldots": "…", "textellipsis": "…",
    "textendash": "–", "textemdash": "—", "textbackslash": "\\", "textasciitilde": "~", "textasciicircum": "^", "textbar": "|",
    "textless": "<", "textgreater": ">", "textquoteleft": "‘", "textquoteright": "’", "textquotedblleft": "“", "textquotedblright": "”",
    "guillemotleft": "«", "guillemotright": "»", "glqq": "„", "grqq": "“", "flqq": "«", "frqq": "»", "textbullet": "•",
    "textunderscore": "_",
    "LaTeX": "LaTeX", "LaTeXe": "LaTeX2e", "TeX": "TeX", "BibTeX": "BibTeX", "quad": " ", "qquad": " ", "textsection": "§", "slash": "/",
    "%": "%", "&": "&", "#": "#", "$": "$", "_": "_", "{": "{", "}": "}", " ": " ", "\n": " ", "\t": " ", ",": " ", ";": " ", ":": " ",
    "!": "", "/": "", "-": "", "@": "", "|": "‖", ">": " ",
}  # fmt: skip
LIGATURES = (("---", "—"), ("--", "–"), ("``", "“"), ("''", "”"), ("`", "‘"), ("'", "’"))

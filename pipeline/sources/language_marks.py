"""The language of a file by its content where its suffix is several languages', by an editor's mode line, and by what Pygments knows."""

from __future__ import annotations

import functools
import re

# Marks of the rarer languages of a shared suffix, looked for from left to right; without one it is the suffix's common language.
_CONTESTED = {
    ".h": (
        ("Objective-C", r"^\s{0,8}(?:@interface|@protocol|@property|@end\b|#import\b)"),
        ("C++", r"^\s{0,8}(?:namespace\b|template\s{0,4}<|class\s+\w+\s{0,4}[:{;]|(?:public|private|protected)\s{0,4}:|using\s+\w)"),
        ("C++", r"\bstd::|^#include\s{0,4}<(?:string|vector|map|memory|iostream|functional|utility|cst[a-z]{2,8})>"),
    ),
    ".m": (
        ("Objective-C", r"^\s{0,8}(?:@interface|@implementation|@end\b|#import\b|#include\b|@class\b)"),
        ("Mathematica", r"\(\*|BeginPackage\[|\w\[\w+_\]\s{0,4}:?="),
        ("MATLAB", r"^\s{0,8}(?:%|function\b|classdef\b|end;?$|\w+\s{0,4}=|clc\b|clear\b)"),
    ),
    ".pl": (("Prolog", r"^\s{0,8}:-\s|^[a-z]\w*\([^()\n]{0,200}\)\s{0,4}:-"),),
    ".pro": (("QMake", r"^\s{0,8}(?:TEMPLATE|SOURCES|HEADERS|QT|CONFIG|TARGET)\s{0,4}[+*-]?="),),
    ".v": (
        ("Coq", r"^\s{0,8}(?:Require|Theorem|Lemma|Proof|Definition|Inductive|Fixpoint|Qed|From\s+\w+\s+Require)\b"),
        ("Verilog", r"^\s{0,8}(?:module\s+\w+\s{0,4}[#(;]|endmodule|`\w+|always\b|assign\b)"),
    ),
    ".ts": (("XML", r"\A\s{0,8}(?:<\?xml|<!DOCTYPE TS|<TS\b)"),),
    ".fs": (
        ("GLSL", r"^\s{0,8}(?:#version\b|precision\s+\w+p\s+float|uniform\s|varying\s|void\s+main\s{0,4}\()"),
        ("Forth", r"^:\s+\S+\s.{0,200}\s;"),
    ),
    ".cls": (
        ("TeX", r"\\(?:NeedsTeXFormat|ProvidesClass|LoadClass|documentclass)"),
        ("Visual Basic .NET", r"\AVERSION \d|^Attribute VB_"),
        ("Apex", r"^\s{0,8}(?:@\w+\s+)?(?:public|private|global)\s+(?:with\s+sharing\s+)?(?:virtual\s+|abstract\s+)?class\b"),
    ),
    ".r": (("Rebol", r"\A\s{0,8}(?i:rebol)\b"),),
    ".d": (("Makefile", r"\A\S{1,200}\.o\s{0,4}:"),),
    ".cl": (("Common Lisp", r"^\s{0,8}\((?:defun|defpackage|in-package|defmacro|defvar)\b"),),
    ".pp": (("Pascal", r"^\s{0,8}(?i:unit|program|interface|implementation|uses)\b"),),
    ".t": (("Raku", r"^\s{0,8}use\s+v6\b"),),
    ".pm": (("Raku", r"^\s{0,8}(?:use\s+v6\b|unit\s+(?:module|class)\b)"),),
    ".l": (("Roff", r"\A\.(?:\\\"|TH\b|Dd\b)"),),
    ".asc": (("", r"\A\s{0,8}-----BEGIN PGP"),),
    ".inc": (("PHP", r"<\?php"), ("", r"\A")),
    ".sc": (("SuperCollider", r"^\s{0,8}(?:SynthDef|[A-Z]\w*\s:\s[A-Z]\w*\s\{)"),),
}
_RULES = {suffix: tuple((language, re.compile(mark, re.MULTILINE)) for language, mark in rules) for suffix, rules in _CONTESTED.items()}
CONTENT_CHARACTERS = 4000
_MODELINE = re.compile(
    r"-\*-\s{0,4}(?:mode:\s{0,4})?([A-Za-z+#-]{1,30})\s{0,4}(?:;[^*\n]{0,100})?-\*-"  # Emacs
    r"|\bvim?:\s{0,4}(?:set\s+)?(?:ft|filetype)=(\w{1,30})"
)
# What Pygments has lexers for and nobody writes, or what is no text of its own.
_NOT_SOURCES = frozenset({"ASCII armored", "Diff", "Raw token data", "TNT", "Text output", "Text only", "Darcs Patch", "WDiff"})


def language_of_mark(suffix: str, beginning: str) -> str | None:
    """The language that the content of a file shows; '' where it shows that there is none; None where the suffix decides.

    Args:
        suffix: with its dot, in lower case.
        beginning: at most `CONTENT_CHARACTERS`.
    """
    return next((language for language, mark in _RULES.get(suffix, ()) if mark.search(beginning)), None)


def language_of_mode(beginning: str) -> str | None:
    """The language that a mode line of Emacs or vim in the first lines names."""
    stated = _MODELINE.search(beginning, 0, 500)
    return _of_alias((stated[1] or stated[2]).lower()) if stated else None


@functools.lru_cache(maxsize=1024)
def _of_alias(alias: str) -> str | None:
    from pygments.lexers import get_all_lexers

    return next((name for name, aliases, _, _ in get_all_lexers(plugins=False) if alias in aliases and name not in _NOT_SOURCES), None)


@functools.lru_cache(maxsize=4096)
def language_of_pygments(name: str) -> str | None:
    """Pygments' language of a file name; its names agree with linguist's but for few."""
    from pygments.lexers import find_lexer_class_for_filename

    found = find_lexer_class_for_filename(name)
    return None if found is None or found.name in _NOT_SOURCES else str(found.name)

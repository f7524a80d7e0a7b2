"""Languages by content, and how far our table and Pygments agree."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pygments.lexers import find_lexer_class_for_filename

from pipeline.sources.languages import LANGUAGE_OF_SUFFIX, language_of

# Suffixes that Pygments gives to a language that is not the common one, or names in another way; ours are linguist's.
OTHERWISE = frozenset(
    {".1", ".2", ".3", ".4", ".5", ".6", ".7", ".8", ".asc", ".asm", ".cbl", ".cl", ".cljs", ".cls", ".el", ".f", ".fs", ".handlebars"}
    | {".hbs", ".ino", ".json5", ".lean", ".lhs", ".lsp", ".man", ".phtml", ".pl", ".pm", ".pro", ".properties", ".r", ".s", ".sc", ".sql"}
    | {".svg", ".t", ".twig", ".vb", ".vbs", ".vim", ".xsl", ".xslt"}
)


@pytest.mark.parametrize(
    ("name", "text", "language"),
    [
        ("a.h", "#ifndef A_H\nint f(int a);\nstruct x { int y; };\n", "C"),
        ("a.h", "#pragma once\nnamespace x {\nclass A {\npublic:\n  int y;\n};\n}\n", "C++"),
        ("a.h", "#include <vector>\nint f();\n", "C++"),
        ("a.h", "#import <Foundation/Foundation.h>\n@interface A : NSObject\n@end\n", "Objective-C"),
        ("a.m", '#import "A.h"\n@implementation A\n@end\n', "Objective-C"),
        ("a.m", "function y = f(x)\n% F does\ny = x.^2;\nend\n", "MATLAB"),
        ("a.m", 'BeginPackage["A`"]\nf[x_] := x^2\n', "Mathematica"),
        ("a.pl", "use strict;\nmy %h = (a => 1);\n", "Perl"),
        ("a.pl", ":- module(a, [b/1]).\nb(X) :- c(X).\n", "Prolog"),
        ("a.v", "module a(input clk);\nalways @(posedge clk) b <= 1;\nendmodule\n", "Verilog"),
        ("a.v", "Require Import Arith.\nTheorem a : forall n, n = n.\nProof. reflexivity. Qed.\n", "Coq"),
        ("a.v", "module main\nfn main() {\n println('hello')\n}\n", "V"),
        ("a.ts", "import { A } from './a';\n", "TypeScript"),
        ("a.ts", '<?xml version="1.0"?>\n<!DOCTYPE TS>\n<TS version="2.1"/>\n', "XML"),
        ("a.fs", "module A\nlet f x = x + 1\n", "F#"),
        ("a.fs", "#version 330\nvoid main() { }\n", "GLSL"),
        ("a.cls", "\\NeedsTeXFormat{LaTeX2e}\n", "TeX"),
        ("a.cls", "VERSION 1.0 CLASS\nBEGIN\nEND\n", "Visual Basic .NET"),
        ("a.r", "f <- function(x) x + 1\n", "R"),
        ("a.d", "a.o: a.c \\\n b.h\n", "Makefile"),
        ("a.cl", "(defun f (x) (+ x 1))\n", "Common Lisp"),
        ("a.pp", "unit a;\ninterface\n", "Pascal"),
        ("a.inc", "<?php\nf();\n", "PHP"),
        ("a.inc", "mov eax, 1\n", None),
        ("key.asc", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n", None),
        ("tool", "# -*- mode: python; coding: utf-8 -*-\n", "Python"),
        ("tool", "# -*- coding: utf-8 -*-\n", None),
        ("tool", "// vim: set ft=cpp\n", "C++"),
        ("x.hy", "", "Hy"),
        ("Kconfig", "", "Kconfig"),
        ("x.pem", "", None),
        ("x.patch", "", None),
    ],
)
def test_content_and_pygments_decide_where_the_suffix_does_not(name, text, language):
    assert language_of(name, text) == language


def test_our_table_agrees_with_pygments_but_where_it_is_said():
    """Of 275 suffixes: Pygments knows the same language for all but those above, or none."""
    for suffix, language in LANGUAGE_OF_SUFFIX.items():
        lexer = find_lexer_class_for_filename(f"a{suffix}")
        if lexer is not None and suffix not in OTHERWISE:
            assert language.lower() in {lexer.name.lower(), *lexer.aliases}, suffix


@given(st.text(max_size=200), st.text(st.characters(codec="utf-8"), max_size=12))
def test_any_name_and_content_have_a_language_or_none(beginning, suffix):
    assert language_of(f"a.{suffix}", beginning) is None or language_of(f"a.{suffix}", beginning)

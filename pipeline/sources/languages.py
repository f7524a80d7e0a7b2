"""Programming, mark-up and data languages of files, by suffix, name, content or first line.

Names are those of GitHub's linguist (github.com/github-linguist/linguist, languages.yml, MIT), as facts; the selection is our own: text
that people write, no images, no data sets. A suffix that several languages share goes to the one whose words the content has, else to the
most common one. What our table does not know, Pygments may: its own choice between languages of one suffix is not asked for, because it
takes R for Rebol, F# for Forth and a LaTeX class for OpenEdge ABL, and 1 to 20 ms.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from pipeline.sources.language_marks import CONTENT_CHARACTERS, language_of_mark, language_of_mode, language_of_pygments

_SUFFIXES = """
Ada: .adb .ads
Agda: .agda
AsciiDoc: .adoc .asciidoc .asc
Assembly: .asm .s
Astro: .astro
AutoHotkey: .ahk
Awk: .awk
Batchfile: .bat .cmd
BibTeX: .bib
Bicep: .bicep
Bluespec: .bsv
C: .c .h .idc
C#: .cs .csx
C++: .cpp .cc .cxx .c++ .hpp .hh .hxx .h++ .ipp .tpp .inl .ino
CMake: .cmake
COBOL: .cob .cbl .cpy
CSS: .css
Clojure: .clj .cljs .cljc .edn
CoffeeScript: .coffee
Common Lisp: .lisp .lsp
Coq: .coq
Crystal: .cr
Cuda: .cu .cuh
Cython: .pyx .pxd .pxi
D: .d .di
Dart: .dart
Dockerfile: .dockerfile
EJS: .ejs
Elixir: .ex .exs
Elm: .elm
Emacs Lisp: .el
Erlang: .erl .hrl
F#: .fs .fsi .fsx
Fennel: .fnl
Fortran: .f .for .f77 .f90 .f95 .f03 .f08
GDScript: .gd
GLSL: .glsl .vert .frag .geom
Gettext Catalog: .po .pot
Gherkin: .feature
Gleam: .gleam
Go: .go
GraphQL: .graphql .gql
Groovy: .groovy .gradle
HCL: .hcl .tf .tfvars
HLSL: .hlsl .fx
HTML: .html .htm .xhtml
Haml: .haml
Handlebars: .hbs .handlebars
Haskell: .hs .lhs
Haxe: .hx
INI: .ini .cfg .properties
Idris: .idr
Isabelle: .thy
JSON: .json .jsonc .json5
JSX: .jsx
Janet: .janet
Java: .java
JavaScript: .js .mjs .cjs
Jinja: .jinja .jinja2 .j2
Julia: .jl
Kotlin: .kt .kts
LLVM: .ll
Lean: .lean
Less: .less
Lua: .lua
M4: .m4
MATLAB: .matlab
Makefile: .mk .mak
Markdown: .md .markdown .mdx .mkd
Meson: .meson
Mojo: .mojo
Mustache: .mustache
Nim: .nim .nims
Nix: .nix
OCaml: .ml .mli .mll .mly
Objective-C: .m
Objective-C++: .mm
Odin: .odin
OpenCL: .cl
Org: .org
PHP: .php .phtml
PLpgSQL: .pgsql
Pascal: .pas .dpr .lpr
Perl: .pl .pm .pod .t
Pony: .pony
PostScript: .ps
PowerShell: .ps1 .psm1 .psd1
Prolog: .pro .prolog
Protocol Buffer: .proto
Pug: .pug .jade
Puppet: .pp
PureScript: .purs
Python: .py .pyi .pyw .pyt
QML: .qml
R: .r
Racket: .rkt
Raku: .raku .rakumod
ReScript: .res .resi
Roff: .1 .2 .3 .4 .5 .6 .7 .8 .man .mdoc .roff
Ruby: .rb .rake .gemspec .ru
Rust: .rs
SCSS: .scss
SQL: .sql
SVG: .svg
Sass: .sass
Scala: .scala .sc .sbt
Scheme: .scm .ss .sld
ShaderLab: .shader
Shell: .sh .bash .zsh .ksh .bats
Fish: .fish
Smalltalk: .st
Solidity: .sol
Standard ML: .sml .sig .fun
Starlark: .bzl .star
Stylus: .styl
Svelte: .svelte
Swift: .swift
SystemVerilog: .sv .svh
TOML: .toml
Tcl: .tcl .tk
TeX: .tex .sty .cls .ltx .dtx
Texinfo: .texi .texinfo
Text: .txt .text
Textile: .textile
Thrift: .thrift
Twig: .twig
TypeScript: .ts .mts .cts
TSX: .tsx
Typst: .typ
V: .v
VHDL: .vhd .vhdl
Vala: .vala .vapi
Verilog: .vh
Vim Script: .vim
Visual Basic .NET: .vb .vbs
Vue: .vue
WebAssembly: .wat .wast
WGSL: .wgsl
XML: .xml .xsd .xsl .xslt .rng .plist
YAML: .yaml .yml
Yacc: .y .yy
Lex: .l .lex
Zig: .zig
reStructuredText: .rst .rest
"""

LANGUAGE_OF_SUFFIX = {
    suffix: language
    for line in _SUFFIXES.strip().splitlines()
    for language, _, suffixes in [line.partition(": ")]
    for suffix in suffixes.split()
}

LANGUAGE_OF_NAME = {
    "makefile": "Makefile",
    "gnumakefile": "Makefile",
    "makefile.am": "Makefile",
    "makefile.in": "Makefile",
    "dockerfile": "Dockerfile",
    "containerfile": "Dockerfile",
    "cmakelists.txt": "CMake",
    "meson.build": "Meson",
    "meson_options.txt": "Meson",
    "build.bazel": "Starlark",
    "workspace": "Starlark",
    "build": "Starlark",
    "rakefile": "Ruby",
    "gemfile": "Ruby",
    "vagrantfile": "Ruby",
    "podfile": "Ruby",
    "jenkinsfile": "Groovy",
    "sconstruct": "Python",
    "sconscript": "Python",
    "configure.ac": "M4",
    "configure.in": "M4",
    "justfile": "Just",
    "procfile": "Procfile",
    ".bashrc": "Shell",
    ".profile": "Shell",
    ".gitignore": "Ignore List",
    ".gitattributes": "Git Attributes",
    ".editorconfig": "EditorConfig",
    "readme": "Text",
    "changelog": "Text",
    "changes": "Text",
    "news": "Text",
    "history": "Text",
    "install": "Text",
    "todo": "Text",
    "hacking": "Text",
}

LANGUAGE_OF_INTERPRETER = {
    "python": "Python",
    "pypy": "Python",
    "sh": "Shell",
    "bash": "Shell",
    "dash": "Shell",
    "zsh": "Shell",
    "ksh": "Shell",
    "fish": "Fish",
    "perl": "Perl",
    "ruby": "Ruby",
    "node": "JavaScript",
    "deno": "TypeScript",
    "php": "PHP",
    "lua": "Lua",
    "tclsh": "Tcl",
    "wish": "Tcl",
    "awk": "Awk",
    "gawk": "Awk",
    "rscript": "R",
    "julia": "Julia",
    "make": "Makefile",
    "groovy": "Groovy",
    "runhaskell": "Haskell",
    "guile": "Scheme",
}

PROSE = frozenset({"AsciiDoc", "Markdown", "Org", "Roff", "TeX", "Texinfo", "Text", "Textile", "reStructuredText"})


def language_of(path: str, beginning: str = "") -> str | None:
    """The language of a file, or None for one not known here.

    Args:
        path: its last part counts, in capitals or not; but `.C` and `.H` are C++.
        beginning: the first `CONTENT_CHARACTERS` of the file, which decide between languages of one suffix; where there is no suffix, a
            `#!` line or an editor's mode line tells.
    """
    name = PurePosixPath(path).name
    suffix = suffix_of(name)
    if suffix in {".C", ".H"}:
        return "C++"
    marked = language_of_mark(suffix.lower(), beginning[:CONTENT_CHARACTERS])
    if marked is not None:
        return marked or None
    found = LANGUAGE_OF_NAME.get(name.lower()) or LANGUAGE_OF_SUFFIX.get(suffix.lower())
    if found is None and name.lower().startswith(("dockerfile.", "makefile.")):
        return LANGUAGE_OF_NAME[name.lower().partition(".")[0]]
    if found:
        return found
    known = language_of_pygments(f"a{suffix.lower()}" if suffix else name)
    return known or (None if suffix else _interpreter(beginning) or language_of_mode(beginning))


def suffix_of(name: str) -> str:
    """From the last dot of a file's name on; '' for `name`, `.name` and `name.`."""
    stem, dot, suffix = name.rpartition(".")
    return f".{suffix}" if stem.strip(".") and dot and suffix else ""


def _interpreter(beginning: str) -> str | None:
    """`#!/usr/bin/env -S python3.11 -u` is Python."""
    line = beginning[:200].split("\n", 1)[0]
    if not line.startswith("#!"):
        return None
    words = [word for word in line[2:].replace("/", " ").split() if not word.startswith("-")]
    return next((found for word in words if (found := LANGUAGE_OF_INTERPRETER.get(word.lower().rstrip("0123456789.")))), None)

"""The decorator of compiled inner loops: numba without the interpreter's lock, compiled once per machine and per version of this package.

Numba keeps compiled code by the time of the one file that a kernel stands in, and so runs old code after a change of another kernel that
it calls. Here the cache folder is named by a digest of the whole package instead.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import xxhash
from llvmlite import ir
from numba.core import cgutils
from numba.extending import intrinsic

_config: Any = numba.config
_FOLDER = Path(__file__).parent


def _sources_digest() -> str:
    digest = xxhash.xxh3_64()
    for path in sorted(_FOLDER.rglob("*.py")):
        digest.update(path.relative_to(_FOLDER).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


_CACHE = Path(_config.CACHE_DIR or _FOLDER / "__pycache__") / f"kernels-{_sources_digest()}"


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile a function on its first call with arguments of new types.

    The compiled code is kept below NUMBA_CACHE_DIR or this package's `__pycache__`; where that may not be written, where numba keeps it
    otherwise.
    """
    before = _config.CACHE_DIR
    _config.CACHE_DIR = str(_CACHE)  # read when the decorator is applied; other users of numba keep their own
    try:
        compiled: Callable[..., Any] = numba.njit(cache=True, nogil=True)(function)
    finally:
        _config.CACHE_DIR = before
    return compiled


def inlined(function: Callable[..., Any]) -> Callable[..., Any]:
    """A part of one kernel: its body is put where it is called, because a call of compiled code copies seven words for each array."""
    part: Callable[..., Any] = numba.njit(inline="always", nogil=True)(function)
    return part


def _unowned(_context: Any, array: Any) -> Any:
    """The same array without a reference to what owns it: in a kernel of many inlined parts each array was counted up and down for each of
    them, atomically, which took 80 of the 100 ns that a tag took.

    The owner must be an argument of the kernel: what is made inside is freed after its last use.
    """

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, value=arguments[0])
        view.meminfo = _null(view.meminfo.type)
        return view._getvalue()

    return array(array), generate


def _prefetch(_context: Any, array: Any, at: Any) -> Any:
    """Ask for the cache line of `array[at]`, one dimension, without waiting for it; `at` is int64 and may be any number."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.gep(context.make_array(signature.args[0])(context, builder, value=arguments[0]).data, [arguments[1]])
        number, byte = ir.IntType(32), cgutils.voidptr_t
        wanted = ir.FunctionType(ir.VoidType(), [byte, number, number, number])
        call = _function(builder.module, wanted, "llvm.prefetch.p0i8")
        # To be read, soon again, as data.
        builder.call(call, [builder.bitcast(place, byte), number(0), number(3), number(1)])
        return context.get_dummy_value()

    return numba.void(array, at), generate


_function: Any = cgutils.get_or_insert_function
_null: Any = cgutils.get_null_value
unowned: Any = intrinsic(_unowned)
prefetch: Any = intrinsic(_prefetch)

"""Text: the one form it is stored in, and an Arrow array of strings as the bytes and offsets that kernels read."""

from __future__ import annotations

import unicodedata

import numpy as np
import numpy.typing as npt
import pyarrow as pa


def bytes_and_offsets(texts: pa.StringArray | pa.LargeStringArray) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """The UTF-8 of all texts, uint8 without copying and not to be written, and where each begins and ends in it, int64 [n + 1], from 0 on.
    A null is empty.

    Raises:
        TypeError: `texts` is no array of strings.
    """
    if pa.types.is_string(texts.type):
        width: type[np.signedinteger] = np.int32
    elif pa.types.is_large_string(texts.type):
        width = np.int64
    else:
        raise TypeError(f"texts are of type {texts.type}; give an array of strings")
    if texts.null_count:
        texts = texts.fill_null("")
    _, offset_buffer, data_buffer = texts.buffers()
    if len(texts) == 0 or data_buffer is None:
        return np.frombuffer(b"", dtype=np.uint8), np.zeros(len(texts) + 1, np.int64)
    offsets = np.frombuffer(offset_buffer, dtype=width)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    data = np.frombuffer(data_buffer, dtype=np.uint8)[offsets[0] : offsets[-1]]
    # Whether Arrow's buffer may be written depends on who made it; a kernel would be compiled once for each kind.
    data.setflags(write=False)
    return data, offsets - offsets[0]


def normalise_text(text: str) -> str:
    """The one form in which text is stored: NFC, line ends as LF, no NUL, no lone surrogate, no blanks at the ends of lines.

    Line ends are CRLF, CR and LF; blanks are the space and the tab. Empty lines stay. Applying it twice changes nothing.
    """
    if not text.isascii():
        # Surrogates stand alone in a Python string by definition; UTF-8 has no form for them.
        text = unicodedata.normalize("NFC", text.encode("utf-8", "ignore").decode("utf-8"))
    if "\0" in text:
        # Removing may bring together what composes.
        text = unicodedata.normalize("NFC", text.replace("\0", ""))
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if " \n" in text or "\t\n" in text or text.endswith((" ", "\t")):
        text = "\n".join([line.rstrip(" \t") for line in text.split("\n")])
    return text

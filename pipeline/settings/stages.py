"""Settings of the stages behind filter, and of the runner."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from pipeline.settings.section import MEBIBYTE, Section, Share


class Tokenizer(Section):
    """SentencePiece BPE with byte fallback."""

    vocabulary: int = Field(default=32_000, ge=300, le=1_000_000)
    sample_bytes: int = Field(default=100 * MEBIBYTE, ge=1000)
    """Text to train on: documents whose hash lies under a bound, never of the validation split."""
    seed: int = Field(default=0, ge=0)


class Shards(Section):
    """Packed token shards."""

    shard_tokens: int = Field(default=100_000_000, ge=1000)
    validation_share: Share = 0.01
    """Documents held out, by hash of doc_id."""
    seed: int = Field(default=0, ge=0)
    """Of the order of documents in the shards."""


class Generate(Section):
    """Samples from the trained model."""

    prompts: tuple[str, ...] = ("",)
    tokens: int = Field(default=160, ge=1)
    temperature: float = Field(default=0.7, ge=0)
    top_k: int = Field(default=50, ge=0)
    seed: int = Field(default=0, ge=0)


class Runner(Section):
    """Where the Beam jobs run."""

    name: str = "FnApiRunner"
    """FnApiRunner on this machine, or DataflowRunner, FlinkRunner, PortableRunner …"""
    workers: int = Field(default=2, ge=1, le=256)
    """Processes of FnApiRunner; results do not depend on it."""
    small_job_bytes: int = Field(default=8 * MEBIBYTE, ge=0)
    """A job over less input than this (32 times as much where only numbers are read) stays in one process: starting others takes 1.5 s."""
    memory_bytes: int = Field(default=1024 * MEBIBYTE, ge=MEBIBYTE)
    """What a worker may hold of columns that are regrouped (dedup); results do not depend on it."""
    options: Mapping[str, str | int | float | bool] = {}
    """Further Beam pipeline options, by their names on Beam's command line."""

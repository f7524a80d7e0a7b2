"""The stages in the order of the path."""

from __future__ import annotations

from pipeline.stage import Stage
from pipeline.stages.crawl import CRAWL
from pipeline.stages.dedup import DEDUP
from pipeline.stages.extract import EXTRACT
from pipeline.stages.filter import FILTER
from pipeline.stages.report import REPORT
from pipeline.stages.tokenize import TOKENIZE
from pipeline.stages.train import EVALUATE, GENERATE, TRAIN
from pipeline.stages.train_tokenizer import TRAIN_TOKENIZER

STAGES: tuple[Stage, ...] = (CRAWL, EXTRACT, FILTER, DEDUP, TRAIN_TOKENIZER, TOKENIZE, TRAIN, EVALUATE, GENERATE, REPORT)

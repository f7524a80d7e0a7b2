"""Beam jobs, one module per stage, and the `curate` command."""

from __future__ import annotations

import logging

# Beam's import warns on the root logger about an optional Google package; users of other runners cannot act on it.
logging.getLogger().addFilter(lambda record: "apitools not found" not in record.getMessage())

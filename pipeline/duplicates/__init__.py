"""Duplicates over a whole run: Beam jobs and the files between them."""

"""Beam jobs of dedup: what is compared and joined across documents."""

"""Overlap with evaluation sets, and lists of words."""

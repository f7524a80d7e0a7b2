"""Supervised fastText models, read and computed by ourselves."""

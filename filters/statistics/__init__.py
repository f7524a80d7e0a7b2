"""Statistics of a text in one pass over its UTF-8 bytes."""

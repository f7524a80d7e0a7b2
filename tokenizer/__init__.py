"""SentencePiece BPE: training on a sample, encoding so that every string comes back exactly, measuring on held-out text."""

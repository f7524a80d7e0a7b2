"""Classifiers and perplexity: models of the user's own."""

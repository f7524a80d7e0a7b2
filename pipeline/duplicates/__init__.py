"""Duplicates among the documents of a run and of earlier ones: candidates, clusters, survivors, and the index that they leave."""

"""Equal and nearly equal texts: digests, signatures, neighbours, clusters."""

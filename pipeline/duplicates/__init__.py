"""Jobs of dedup: one module for each kind of duplicate."""

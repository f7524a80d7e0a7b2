"""From signals/ to verdicts, and what the verdicts rest on."""

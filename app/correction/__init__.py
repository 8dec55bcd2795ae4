"""app/correction."""

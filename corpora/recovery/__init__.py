"""corpora/recovery."""

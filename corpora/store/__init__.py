"""corpora/store."""

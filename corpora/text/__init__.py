"""corpora/text."""

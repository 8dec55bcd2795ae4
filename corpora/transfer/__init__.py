"""corpora/transfer."""

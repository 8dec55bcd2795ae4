"""corpora/loaders/formats."""

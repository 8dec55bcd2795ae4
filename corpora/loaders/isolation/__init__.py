"""corpora/loaders/isolation."""

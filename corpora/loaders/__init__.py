"""corpora/loaders."""

"""corpora/jobs."""

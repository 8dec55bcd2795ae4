"""decoding/sources/rewrite."""

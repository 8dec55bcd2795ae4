"""decoding/sources."""

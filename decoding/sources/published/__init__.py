"""decoding/sources/published."""

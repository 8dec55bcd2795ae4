"""decoding/sources/blend."""

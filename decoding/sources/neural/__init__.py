"""decoding/sources/neural."""

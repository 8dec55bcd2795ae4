"""decoding/scheduling."""

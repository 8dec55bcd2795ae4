"""decoding/verification."""

"""decoding/drafting."""

"""decoding/target."""

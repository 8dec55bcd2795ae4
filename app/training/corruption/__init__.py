"""app/training/corruption."""

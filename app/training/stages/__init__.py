"""app/training/stages."""

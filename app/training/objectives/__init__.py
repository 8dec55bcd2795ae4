"""app/training/objectives."""

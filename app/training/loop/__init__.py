"""app/training/loop."""

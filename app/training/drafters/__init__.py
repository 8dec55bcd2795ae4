"""app/training/drafters."""

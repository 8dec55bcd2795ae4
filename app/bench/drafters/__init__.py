"""app/bench/drafters."""

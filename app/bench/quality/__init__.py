"""app/bench/quality."""

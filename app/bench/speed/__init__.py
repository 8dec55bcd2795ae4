"""app/bench/speed."""

"""app/bench/replay."""

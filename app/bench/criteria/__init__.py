"""app/bench/criteria."""

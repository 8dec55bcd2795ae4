"""app/bench/workload."""

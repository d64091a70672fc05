"""Benchmarks: one file a question, each prints one JSON line and runs the naive way beside ours in the same run."""

"""The naive ways that the benchmarks run beside ours."""

"""The benchmark: ffplay and its peers at the same job on the same site; docs/benchmarks.md has what came out."""

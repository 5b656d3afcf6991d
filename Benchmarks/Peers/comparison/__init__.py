"""The comparison of user-space VPNs on one machine. See docs/benchmarks.md."""

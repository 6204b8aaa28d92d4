"""Launcher `webhook`: workloads that an HTTP endpoint of the operator's own runs."""

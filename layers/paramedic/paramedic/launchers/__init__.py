"""Launchers: the only code that starts or stops workloads."""

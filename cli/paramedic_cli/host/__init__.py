"""A local stack's workloads: everything the launcher `process` runs on this host, and what it needs to run."""

"""Launcher `kubernetes`: workloads as pods of a Deployment or of Jobs, over the cluster's API."""

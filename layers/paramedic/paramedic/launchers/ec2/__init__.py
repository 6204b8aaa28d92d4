"""Launcher `ec2`: workloads that an instance runs from its boot on."""

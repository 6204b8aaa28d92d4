"""Launcher `ecs`: workloads as tasks of Amazon ECS, started one by one or by a service."""

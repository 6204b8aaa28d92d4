"""The controller: the process that keeps its services at their desired state."""

"""Stand-ins for the outside world, shared by the layers of tests."""

"""Paramedic's core: state, health, recovery and launchers, shared by the functions, the controller and the CLI."""

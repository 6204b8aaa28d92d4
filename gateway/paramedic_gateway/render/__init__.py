"""Envoy configuration as pure functions of what is to be served."""

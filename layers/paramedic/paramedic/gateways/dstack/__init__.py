"""Keeps the gateways of dstack 0.22 as they are desired, each replica by itself, over the API they have."""

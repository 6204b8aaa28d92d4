"""How long a controller may act on its last fenced write; on its own, so that settings can be checked against it."""

SELF_FENCE_LEASE_SECONDS = 10.0
"""A launcher call needs a fenced write younger than this."""

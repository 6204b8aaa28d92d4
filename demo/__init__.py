"""`make demo`: the whole stack on this machine, and a dead controller that comes back by itself."""

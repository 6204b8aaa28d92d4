"""What `benchmarks.gateway` is made of: the peers, the load, and a module per thing that is measured."""

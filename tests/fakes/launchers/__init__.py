"""What the launchers of clouds talk to: backends that keep AWS's, Kubernetes' and an endpoint's promises in memory."""

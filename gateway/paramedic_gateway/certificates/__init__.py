"""The gateway's certificate: taken from where users keep it, checked, and handed to Envoy as a pair that fits."""

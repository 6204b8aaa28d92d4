"""Exact counting: from Envoy's access log to the figures that autoscalers work with."""

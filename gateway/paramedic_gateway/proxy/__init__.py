"""The Envoy process: started, adopted, watched, asked."""

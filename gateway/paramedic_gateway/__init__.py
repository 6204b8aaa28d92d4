"""One gateway replica: an agent that renders what DynamoDB says into files, and the Envoy that serves them."""

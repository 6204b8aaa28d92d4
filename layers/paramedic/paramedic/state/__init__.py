"""DynamoDB, the only meeting point: one module per table, plus fences, claims and the heartbeat."""

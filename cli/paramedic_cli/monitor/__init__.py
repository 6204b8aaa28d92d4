"""The work of the stack's functions in one process, for places that have DynamoDB and no Lambda."""

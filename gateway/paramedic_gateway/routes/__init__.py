"""What this gateway serves: checked rows, kept on disk, following DynamoDB."""

"""What `paramedic dstack` does."""

"""Parts of the controller's benchmark."""

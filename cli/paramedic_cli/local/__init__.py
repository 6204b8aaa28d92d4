"""The whole stack on this machine: an embedded AWS, the real `sam build` and `sam deploy`, no account and no Docker."""

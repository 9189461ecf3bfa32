"""The revisions, oldest first: each frozen once released."""

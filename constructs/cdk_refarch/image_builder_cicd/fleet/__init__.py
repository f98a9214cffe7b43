"""The fleet that is rolled over to an image."""

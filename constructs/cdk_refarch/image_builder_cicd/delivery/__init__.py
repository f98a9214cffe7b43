"""The pipeline from a repository to the stacks of an image and of its fleets."""

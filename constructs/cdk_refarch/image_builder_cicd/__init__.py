"""From a commit to a golden image, and from the image to a fleet that is rolled over to it.

The constructs are imported from their modules, so that one does not load the services of the others.
"""

"""WorkSpaces in two regions behind one name, and a switch between them that a drill can prove.

The constructs are imported from their modules, so that one does not load the services of the others.
"""

"""The embedded AWS: a process on this machine that the real CDK command line deploys into and data is sent through.

MiniStack emulates the services; ``sandbox.adapters`` adds what it lacks. Nothing here is part of the library.
"""

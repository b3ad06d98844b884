"""The files of a release, one idea a module."""

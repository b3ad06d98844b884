"""The files of a release, one topic per module."""

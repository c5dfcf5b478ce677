"""Recorded builds of other builders' suites, held against the command line.

A case is a folder with `case.json`, `Dockerfile` and `expected.json`; its context is a tar named in `case.json`.
"""

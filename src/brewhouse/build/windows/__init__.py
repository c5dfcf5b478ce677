"""The `windows` builder: CPython's own Windows package as a layer on a Windows base, assembled on Linux."""

"""Registries that speak the OCI distribution specification 1.1: who we are to them, requests, blobs, documents."""

"""The store on disk: an OCI image layout, snapshots, and what keeps them tidy."""

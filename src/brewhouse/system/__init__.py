"""All that touches the outside: processes, sandbox, network, store on disk, progress."""

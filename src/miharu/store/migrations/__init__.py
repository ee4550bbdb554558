"""How the state database came to look as it does, one step a file; run by `miharu.store.schema`."""

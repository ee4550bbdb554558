"""The API: questions over HTTP → answers of the store, of the state and of the running parts.

Everything lies under `/api/v1`; `miharu.serve.api.main` runs it as a part of the live system.
"""

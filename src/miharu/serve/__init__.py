"""The live system: processes that take logs in, work on them, and answer."""

from miharu.serve.first_tokens import make_first_tokens, token_folder
from miharu.serve.supervisor import Running, Supervisor

__all__ = ["Running", "Supervisor", "make_first_tokens", "token_folder"]

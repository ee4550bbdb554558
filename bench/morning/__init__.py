"""One morning of a small company that does not exist, with one attack in it → the logs in `content/samples`.

Addresses are those reserved for documentation; every line is made here from a seed, so that anybody can make the same
files again (`make samples`).
"""

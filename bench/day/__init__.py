"""One day of a small company that does not exist → its raw logs, in folders by host, with one attack in it or none.

`python -m bench.day OUT --events 200000` writes the lines that the programs themselves would have written, made from a
seed: the same seed, size, date and version of NumPy give the same bytes. `python -m bench.day --story` prints what the
attacker does. Every clock runs in UTC. Outside addresses are those reserved for documentation.
"""

"""Adversarial problems, an independent sum for each, and limits on time and memory.

``python -m fuzz --seconds 600`` (``make fuzz SECONDS=600``) runs them from a new seed. A family of
problems is a module with ``make``, ``solve``, ``judge`` and ``may_refuse`` (see `runner.Family`);
FAMILIES names them.
"""

FAMILIES = ("normal", "regression", "binomial", "poisson")

"""What marginals are: densities on panels, mixtures, draws."""

"""Priors: of tau, of pairs of hyperparameters, as text, and looked over."""

"""Around a fit: draws from the prior, the same data under several priors."""

"""The incomplete gamma and beta functions, for the other kernels."""

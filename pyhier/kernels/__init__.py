"""The compiled kernels (sources in ``src_cython``): typed arrays in, arrays out, no validation."""

library(testthat)
library(pyhier)

test_check("pyhier")

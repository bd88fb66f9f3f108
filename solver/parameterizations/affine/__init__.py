"""Storage forms of affine matrices `A0 + sum_j x_j B_j`, and the computations with them."""

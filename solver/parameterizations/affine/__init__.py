"""How affine matrices keep their B_j, and what is computed with them."""

"""Operations on batches in which the rounding of a row does not depend on the other rows."""

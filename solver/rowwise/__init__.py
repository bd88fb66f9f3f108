"""Operations on batches that round each row the same whatever else is in its batch."""

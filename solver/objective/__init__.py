"""What is fitted to what: the loss, its derivatives, and how sure the answer is."""

"""The results of a fit: fields, status and cause, covariance, summary."""

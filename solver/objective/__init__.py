"""The objective: loss, residual, Jacobian, Hessian, and covariance of the parameters."""

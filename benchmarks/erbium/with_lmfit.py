import numpy as np
from lmfit import Parameters, minimize, report_fit

table = np.genfromtxt("erbium.csv", delimiter=",", comments="#", skip_header=2)
number, energy, sigma = table.T
j = 7.5
x = j * (j + 1)
m = np.arange(j, -j - 1, -1)
z = np.diag(m)
plus = np.diag(np.sqrt(x - m[1:] * (m[1:] + 1)), 1)
four = np.linalg.matrix_power(plus, 4)
one = np.eye(16)
z2, z4, z6 = (np.linalg.matrix_power(z, power) for power in (2, 4, 6))
stevens = {
    "B20": 3 * z2 - x * one,
    "B40": 35 * z4 - (30 * x - 25) * z2 + (3 * x**2 - 6 * x) * one,
    "B44": (four + four.T) / 2,
    "B60": 231 * z6
    - (315 * x - 735) * z4
    + (105 * x**2 - 525 * x + 294) * z2
    - (5 * x**3 - 40 * x**2 + 60 * x) * one,
}


def residuals(parameters):
    matrix = sum(parameters[name].value * stevens[name] for name in stevens)
    levels = np.linalg.eigvalsh(matrix)
    return (levels[number.astype(int)] - levels[0] - energy)[1:] / sigma[1:]


parameters = Parameters()
parameters.add("B20", -0.02)
parameters.add("B40", -2e-4)
parameters.add("B44", 1e-3)
parameters.add("B60", 3e-6)
fit = minimize(residuals, parameters, scale_covar=False)
report_fit(fit)

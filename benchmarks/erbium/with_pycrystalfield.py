import numpy as np
import PyCrystalField as cef

table = np.genfromtxt("erbium.csv", delimiter=",", comments="#", skip_header=2)
number, energy, sigma = table.T
start = {"B20": -0.02, "B40": -2e-4, "B44": 1e-3, "B60": 3e-6}


def chi_squared(CFLevelsObject, coeff):
    CFLevelsObject.newCoeff(coeff)
    levels = CFLevelsObject.eigenvalues[number.astype(int)]
    return np.sum(((levels - energy)[1:] / sigma[1:]) ** 2)


field = cef.CFLevels.Bdict("Er3+", start)
found = field.fitdata(chi_squared, ["coeff"], coeff=list(start.values()))
print(dict(zip(start, found["coeff"], strict=True)))
field.newCoeff(found["coeff"])
field.printEigenvectors()

"""One crystal-field problem in eigenfit, lmfit and PyCrystalField."""

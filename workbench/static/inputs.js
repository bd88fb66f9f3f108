// The inputs of the signatures, from what the page shows. NaN stands for the default of the model.

/** The targets, weights and sides of a spectrum, [m] each; what is left out was not observed. */
function observed(desk) {
  const count = desk.state.targets.length;
  const targets = Array(count).fill(NaN);
  const weights = Array(count).fill(NaN);
  const sides = Array(count).fill(0);
  for (const row of desk.observed()) {
    targets[row.target] = row.value;
    if (row.sigma !== null) weights[row.target] = 1 / row.sigma;
    sides[row.target] = row.side;
  }
  return { targets, weights, sides };
}

/** The conditions of a spectrum, [K, d]. */
function conditions(desk) {
  const own = desk.state.conditions?.[desk.spectrum] ?? [];
  return own.map((one) => one.map((number) => number ?? NaN));
}

/** The inputs of a signature for some rows: [rows, ...] each. */
export function inputsOf(desk, signature, starts = [desk.vector()]) {
  const names = desk.state.parameters.map((one) => one.name);
  const data = observed(desk);
  const settings = names.map((name) => desk.settings[name]);
  const isCovariance = signature === "covariance";
  const row = {
    targets: data.targets,
    // The covariance of parameters alone is told by a zero what was not observed.
    weights: data.weights.map((weight, k) => (isCovariance && Number.isNaN(data.targets[k]) ? 0 : weight)),
    sides: data.sides,
    tolerance: NaN,
    max_steps: 0,
    // A held parameter lies between two equal bounds.
    lower: settings.map((one, k) => (one.held ? desk.values[names[k]] : one.bounds[0] ?? -Infinity)),
    upper: settings.map((one, k) => (one.held ? desk.values[names[k]] : one.bounds[1] ?? Infinity)),
    prior_mean: settings.map((one) => (one.prior ? one.prior[0] : 0)),
    prior_sigma: settings.map((one) => (one.prior ? one.prior[1] : Infinity)),
    conditions: conditions(desk),
  };
  const wanted = desk.state.signatures[signature];
  return Object.fromEntries(wanted.map((name) => [
    name,
    starts.map((start) => (name === "parameters" || name === "initial" ? start : row[name])),
  ]));
}

// Correlations of the fitted parameters, from the covariance that the model gives.

import { head } from "./data.js";

/**
 * The correlations after a fit, or why they are not known.
 *
 * A parameter without an error is held, or at a bound of this fit, which holds it there. One
 * without a covariance is at a bound that the model was made with.
 */
export function correlationsAfter(desk, answer, covariance) {
  const indices = desk.names.map((name, k) => k);
  const free = indices.filter((k) => !Number.isNaN(answer.errors[k]));
  const known = indices.filter((k) => !Number.isNaN(covariance[k][k]));
  const held = known.filter((k) => !free.includes(k));
  const names = free.map((k) => desk.names[k]);
  const own = desk.state.model_priors;
  const samePriors = desk.names.every(
    (name) => String(desk.settings[name].prior ?? "") === String(own[name] ?? ""));
  if (!samePriors || !free.every((k) => known.includes(k))) {
    const note = "The model knows only the priors and bounds that it was made with.";
    return { names, correlations: null, note, renew: true };
  }
  const found = heldFixed(covariance, free, held);
  if (found) return { names, correlations: correlationsOf(found), note: "", renew: false };
  const note = "The data do not determine all parameters, so their correlations are not known.";
  return { names, correlations: null, note, renew: false };
}

/**
 * The covariance of some parameters when the others are held.
 *
 * The model knows which parameters are held in a fit, but not in a covariance. Holding parameters h
 * leaves the others f the covariance C_ff - C_fh C_hh^-1 C_hf, that of a Gaussian with h known.
 * null if a number is not finite.
 */
function heldFixed(covariance, free, held) {
  const every = [...free, ...held];
  if (!every.every((i) => every.every((j) => Number.isFinite(covariance[i][j])))) return null;
  let rest = covariance.map((row) => [...row]);
  // One held parameter after the other: its row and column are eliminated.
  for (const h of held) {
    const pivot = rest[h][h];
    if (!(pivot > 0)) return null;
    rest = rest.map((row, i) => row.map((value, j) => value - (rest[i][h] * rest[h][j]) / pivot));
  }
  return free.map((i) => free.map((j) => rest[i][j]));
}

/** Correlations from a covariance. */
function correlationsOf(covariance) {
  const sigma = covariance.map((row, k) => Math.sqrt(row[k]));
  return covariance.map((row, i) => row.map((value, j) => value / (sigma[i] * sigma[j])));
}

/** A table of correlations; the stronger, the darker. */
export function correlationTable(names, correlations) {
  const table = document.createElement("table");
  table.append(head(["", ...names]));
  const body = table.createTBody();
  names.forEach((name, i) => {
    const row = body.insertRow();
    const cell = document.createElement("th");
    cell.scope = "row";
    cell.textContent = name;
    row.append(cell);
    for (const value of correlations[i]) {
      const made = row.insertCell();
      made.textContent = value.toFixed(2).replace("-", "−");
      const color = value < 0 ? "31 111 180" : "200 110 0";
      made.style.background = `rgb(${color} / ${Math.abs(value) * 0.6})`;
    }
  });
  return table;
}

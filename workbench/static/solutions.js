// Fits from many starts, and the distinct solutions that they end in.

import { head } from "./data.js";
import { shown, withError } from "./numbers.js";

const STARTS = 32;
const MOST = 6;

/** The answers of a fit, one for each row and solution. */
export function answersOf(outputs) {
  const flat = (name) => {
    const values = outputs[name];
    return Array.isArray(outputs.status[0]) ? values.flat() : values;
  };
  const [parameters, errors, loss, status, cause] =
    ["parameters", "standard_errors", "loss", "status", "cause"].map(flat);
  return status.map((one, k) => ({
    parameters: parameters[k], errors: errors[k], loss: loss[k], status: one, cause: cause[k],
  }));
}

/** Starts for a search: one that the model chooses, and others within the reach of the sliders. */
export function startsOf(desk) {
  const random = generator();
  const starts = [desk.names.map(() => NaN), desk.vector()];
  while (starts.length < STARTS) {
    starts.push(desk.state.parameters.map(({ name, reach }) => {
      const { held, bounds } = desk.settings[name];
      const value = desk.values[name] || 0;
      if (held) return value;
      const moved = value + reach * (2 * random() - 1);
      return Math.min(Math.max(moved, bounds[0] ?? -Infinity), bounds[1] ?? Infinity);
    }));
  }
  return starts;
}

/** The distinct answers with a certified minimum, or with any end if there is none; best first. */
export function distinct(answers, { parameters, statuses }) {
  const reaches = parameters.map((one) => one.reach);
  const there = answers.filter((one) => one.parameters.every(Number.isFinite));
  const certified = there.filter((one) => statuses[one.status].certified);
  const found = [];
  for (const one of (certified.length ? certified : there).sort((a, b) => a.loss - b.loss)) {
    const near = (other) => one.parameters.every((value, k) => Math.abs(value - other.parameters[k]) < 1e-4 * reaches[k]);
    const known = found.find(near);
    if (known) known.count += 1;
    else found.push({ ...one, count: 1 });
  }
  return found.slice(0, MOST);
}

/** A table with a column for each solution; `use` gets the one that is chosen. */
export function solutionTable(desk, found, use) {
  const table = document.createElement("table");
  table.append(head(["", ...found.map((one, k) => `solution ${k + 1}`)]));
  const body = table.createTBody();
  const line = (name, texts) => {
    const row = body.insertRow();
    const cell = document.createElement("th");
    cell.scope = "row";
    cell.textContent = name;
    row.append(cell);
    return texts.map((text) => {
      const made = row.insertCell();
      made.textContent = text;
      return made;
    });
  };
  desk.names.forEach((name, k) => line(name, found.map((one) => withError(one.parameters[k], one.errors[k]))));
  line("loss", found.map((one) => shown(one.loss, 6)));
  line("status", found.map((one) => desk.state.statuses[one.status].name));
  line("starts that ended here", found.map((one) => String(one.count)));
  line("", found.map(() => "")).forEach((cell, k) => {
    const button = document.createElement("button");
    button.textContent = "Use";
    button.id = `use-${k}`; // by which the focus is found again
    button.setAttribute("aria-label", `Use solution ${k + 1}`);
    button.addEventListener("click", () => use(found[k]));
    cell.append(button);
  });
  return table;
}

/** Random numbers from 0 to 1, the same in every search (mulberry32). */
function generator(seed = 20260731) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

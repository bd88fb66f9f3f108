// The data: a table of observed and computed values, and the dialog that reassigns one.

import { exists, sign } from "./levels.js";
import { shown } from "./numbers.js";

export class Data {
  /** `reassign` gets a row and its new labels, `leave` a row to leave out or take in again. */
  constructor(place, dialog, { reassign, leave }) {
    Object.assign(this, { place, dialog, reassign, leave });
    dialog.addEventListener("close", () => this.closed());
  }

  /** Make the table of a spectrum. */
  build(desk) {
    this.desk = desk;
    this.cells = [];
    const table = document.createElement("table");
    const first = desk.state.columns.length === 2 ? "Line" : "Level";
    table.append(head([first, "observed", "σ", "computed", "difference", ""]));
    const body = table.createTBody();
    const rows = desk.rows.filter((row) => row.spectrum === desk.spectrum);
    const seen = new Set(rows.map((row) => row.target));
    const others = desk.state.targets.map((target, k) => k)
      .filter((k) => !seen.has(k) && exists(desk, desk.state.targets[k]));
    const every = [...rows, ...others.map((target) => ({ target, value: null, sigma: null, side: 0 }))];
    every.sort((a, b) => (a.target ?? Infinity) - (b.target ?? Infinity));
    for (const row of every) this.line(body, row);
    table.classList.toggle("without-sigma", rows.every((row) => row.sigma === null));
    this.place.replaceChildren(table);
  }

  /** Show the computed values. */
  move(computed) {
    for (const { row, fitted, difference } of this.cells) {
      const value = row.target === null ? NaN : computed[row.target];
      fitted.textContent = shown(value);
      difference.textContent = row.value === null ? "" : shown(row.value - value, 3);
    }
  }

  line(body, row) {
    const line = body.insertRow();
    if (row.out) line.className = "out";
    const name = document.createElement("th");
    name.scope = "row";
    name.textContent = this.name(row);
    line.append(name);
    line.insertCell().textContent = row.value === null ? "" : sign(row.side) + shown(row.value);
    line.insertCell().textContent = row.sigma === null ? "" : shown(row.sigma, 3);
    this.cells.push({ row, fitted: line.insertCell(), difference: line.insertCell() });
    const actions = line.insertCell();
    actions.className = "actions";
    if (row.value === null) return;
    if (this.desk.state.choices.length) {
      actions.append(button("Reassign", `Reassign ${name.textContent}`, () => this.open(row)));
    }
    const word = row.out ? "Take in" : "Leave out";
    actions.append(" ", button(word, `${word} ${name.textContent}`, () => this.leave(row)));
    // By these the focus is found again when the table is made anew.
    [...actions.children].forEach((one, k) => { one.id = `action-${this.cells.length}-${k}`; });
  }

  name(row) {
    const target = this.desk.state.targets[row.target];
    const at = this.desk.state.conditions?.[this.desk.spectrum]?.[target?.condition ?? 0] ?? [];
    const names = this.desk.state.condition_names;
    const where = at.map((number, k) => `${names[k]} ${shown(number, 6)}`).join(", ");
    return [target?.name ?? row.labels.join(" – "), where].filter(Boolean).join(" at ");
  }

  /** Open the dialog for a row. */
  open(row) {
    const { choices, columns, unit } = this.desk.state;
    this.row = row;
    this.dialog.querySelector("h2").textContent = `${this.name(row)}: observed ${shown(row.value)} ${unit}`;
    this.dialog.querySelector("#leave").textContent = row.out ? "Take in" : "Leave out";
    this.dialog.querySelector("#reassign").hidden = !choices.length;
    this.selects = choices.length ? columns.map((column, k) => select(choices, row.labels[k])) : [];
    const labels = this.selects.map((one, k) => {
      const label = document.createElement("label");
      label.append(columns.length === 1 ? "belongs to level " : `${columns[k]} level `, one);
      return label;
    });
    this.dialog.querySelector("#datum-labels").replaceChildren(...labels);
    this.dialog.returnValue = "cancel";
    this.dialog.showModal();
  }

  closed() {
    if (this.dialog.returnValue === "leave") this.leave(this.row);
    if (this.dialog.returnValue === "reassign") this.reassign(this.row, this.selects.map((one) => one.value));
  }
}

/** The rows after one has got other labels; a row that had them gets those of the first. */
export function reassigned(rows, row, labels) {
  const same = (one, other) => one.length === other.length && one.every((label, k) => label === other[k]);
  return rows.map((one) => {
    if (one === row) return { ...one, labels };
    const beside = one.spectrum === row.spectrum && String(one.at) === String(row.at);
    return beside && same(one.labels, labels) ? { ...one, labels: row.labels } : one;
  });
}

function select(choices, chosen) {
  const made = document.createElement("select");
  for (const choice of choices) made.add(new Option(choice, choice, false, choice === chosen));
  return made;
}

function button(text, label, work) {
  const made = document.createElement("button");
  made.textContent = text;
  made.setAttribute("aria-label", label);
  made.addEventListener("click", work);
  return made;
}

export function head(names) {
  const made = document.createElement("thead");
  const line = made.insertRow();
  for (const name of names) {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.textContent = name;
    line.append(cell);
  }
  return made;
}

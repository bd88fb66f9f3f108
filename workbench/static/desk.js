// What lies on the workbench: the problem, where its sliders are, its data; and how to go back.

const MOST_STEPS = 200;

export class Desk {
  constructor(state) {
    this.spectrum = 0;
    this.past = [];
    this.changed = false; // since the file was written or read
    this.dataChanged = false;
    this.read = state.read; // by which the server knows the file as this page read it
    this.adopt(state, true);
  }

  /** Take over a state of the server; with `all` also its parameters. */
  adopt(state, all) {
    this.state = state;
    this.rows = state.rows;
    if (!all) return;
    this.values = {};
    this.settings = {};
    for (const { name, value, held, bounds, prior } of state.parameters) {
      this.values[name] = value ?? NaN;
      this.settings[name] = { held, bounds, prior };
    }
  }

  get names() {
    return this.state.parameters.map((one) => one.name);
  }

  /** The parameters in the order of the model. */
  vector() {
    return this.names.map((name) => this.values[name]);
  }

  setVector(numbers) {
    this.names.forEach((name, k) => { this.values[name] = numbers[k]; });
  }

  /** The measured values of the chosen spectrum that are fitted. */
  observed() {
    return this.rows.filter((row) => row.spectrum === this.spectrum && !row.out
      && row.target !== null && row.value !== null);
  }

  /** Remember how everything is, before a change. */
  record() {
    this.past.push({ ...this.snapshot(), changed: this.changed, dataChanged: this.dataChanged });
    if (this.past.length > MOST_STEPS) this.past.shift();
    this.changed = true;
  }

  /** The file is as everything is now: what is gone back to differs from it. */
  saved(read) {
    this.read = read;
    this.changed = false;
    for (const step of this.past) {
      step.changed = true;
      step.dataChanged ||= this.dataChanged;
    }
  }

  snapshot() {
    return { values: { ...this.values }, settings: structuredClone(this.settings), text: this.state.text };
  }

  /** What the server needs of all this. Infinite bounds and unknown numbers are null. */
  change(rows = this.rows) {
    const parameters = {};
    for (const name of this.names) {
      parameters[name] = { value: this.values[name], ...this.settings[name] };
    }
    return { parameters, rows };
  }
}

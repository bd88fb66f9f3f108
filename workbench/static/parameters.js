// The panel of the parameters: a slider and a field for each; held or free; bounds and a prior.

import { shown, typed, withError } from "./numbers.js";

const STEPS = 1000; // from one end of a slider to the other

export class Parameters {
  /**
   * `before` is called before a change, `moving` while a parameter moves, `changed` after a change.
   */
  constructor(place, { before, moving, changed }) {
    Object.assign(this, { place, before, moving, changed });
    this.parts = new Map();
    this.turning = null; // the parameter whose slider is being moved
  }

  /** Make the panel for a problem. */
  build(desk) {
    this.desk = desk;
    this.parts.clear();
    this.place.replaceChildren(...desk.state.parameters.map((one) => this.row(one)));
    this.show();
  }

  /** Show where the parameters are. Sliders get their ends anew if `reach` says so. */
  show(reach = true) {
    for (const [name, part] of this.parts) {
      const value = this.desk.values[name];
      if (reach || value < Number(part.slider.min) || value > Number(part.slider.max)) this.reach(name);
      part.slider.value = value;
      part.slider.setAttribute("aria-valuetext", shown(value));
      if (document.activeElement !== part.field || reach) {
        part.field.value = Number.isNaN(value) ? "" : Number(value.toPrecision(10));
      }
      part.held.checked = this.desk.settings[name].held;
      this.shownMore(name);
    }
  }

  /** Show standard errors by name; without any they are not known here. */
  showErrors(errors) {
    for (const [name, part] of this.parts) {
      const { held, bounds } = this.desk.settings[name];
      const value = this.desk.values[name];
      let text = "";
      if (held) text = "held";
      else if (errors && Number.isFinite(errors[name])) text = withError(value, errors[name]);
      else if (errors && errors[name] === Infinity) text = "not determined by the data";
      else if (errors && bounds.includes(value)) text = "at its bound";
      part.error.textContent = text;
    }
  }

  reach(name) {
    const { slider } = this.parts.get(name);
    const { reach } = this.desk.state.parameters.find((one) => one.name === name);
    const [low, high] = this.desk.settings[name].bounds;
    const value = this.desk.values[name] || 0;
    slider.min = Math.max(low ?? -Infinity, value - reach);
    slider.max = Math.min(high ?? Infinity, value + reach);
    // A power of ten, so that the slider stops at short numbers.
    slider.step = 10 ** Math.floor(Math.log10((slider.max - slider.min) / STEPS));
    slider.min = Math.ceil(slider.min / slider.step) * slider.step;
  }

  row({ name, unit }) {
    const part = {
      slider: input("range", `${name}, slider`),
      field: input("text", name),
      held: input("checkbox", `${name}: held`),
      error: document.createElement("output"),
      more: ["lowest", "highest", "prior mean", "prior error"].map((what) => input("text", `${name}: ${what}`)),
    };
    this.parts.set(name, part);
    part.slider.addEventListener("input", () => this.turn(name, Number(part.slider.value)));
    part.slider.addEventListener("change", () => this.rest());
    part.field.addEventListener("change", () => {
      const value = typed(part.field.value);
      if (Number.isFinite(value)) this.turn(name, this.inside(name, value));
      this.rest();
      this.show();
      if (Number.isNaN(value)) this.changed(`${name} must be a number; it stays as it was.`);
    });
    part.held.addEventListener("change", () => this.know(name, { held: part.held.checked }));
    part.more.forEach((one) => one.addEventListener("change", () => this.readMore(name)));
    const row = make("div", "parameter");
    const label = make("span", "name", name);
    if (unit) label.append(make("small", "", ` ${unit}`));
    row.append(label, part.slider, part.field, labelled("held", part.held), part.error, this.details(part));
    return row;
  }

  details(part) {
    const details = document.createElement("details");
    details.append(make("summary", "", "Bounds and prior"));
    const box = make("div", "more");
    const [low, high, mean, error] = part.more;
    box.append(labelled("from", low), labelled("to", high), labelled("known as", mean), labelled("±", error));
    details.append(box);
    return details;
  }

  turn(name, value) {
    if (this.turning !== name) {
      this.before();
      this.turning = name;
    }
    this.desk.values[name] = value;
    this.show(false);
    this.moving();
  }

  rest() {
    if (this.turning === null) return;
    const { slider } = this.parts.get(this.turning);
    const atEnd = [slider.min, slider.max].some((end) => Math.abs(slider.value - end) < slider.step);
    this.turning = null;
    if (atEnd) this.show(); // it goes on from there
    this.changed();
  }

  inside(name, value) {
    const [low, high] = this.desk.settings[name].bounds;
    return Math.min(Math.max(value, low ?? -Infinity), high ?? Infinity);
  }

  readMore(name) {
    const numbers = this.parts.get(name).more.map((one) => typed(one.value));
    if (numbers.some(Number.isNaN)) {
      this.refuse(name, "bounds and priors must be numbers.");
      return;
    }
    const [low, high, mean, error] = numbers;
    if (low !== null && high !== null && low >= high) {
      this.refuse(name, `the lowest value must be below the highest, got ${low} and ${high}.`);
      return;
    }
    if (error !== null && error <= 0) {
      this.refuse(name, `the error of a prior must be positive, got ${error}.`);
      return;
    }
    const prior = mean !== null && error !== null ? [mean, error] : null;
    const now = this.desk.settings[name];
    if (String([low, high, prior]) !== String([...now.bounds, now.prior])) {
      this.know(name, { bounds: [low, high], prior });
    }
    if ((mean === null) !== (error === null)) {
      this.changed(`${name}: a prior needs a value and its error; there is none until both are given.`);
    }
  }

  /** Say what is wrong; the fields show again what holds. */
  refuse(name, fault) {
    this.shownMore(name, true);
    this.changed(`${name}: ${fault} Bounds and prior stay as they were.`);
  }

  /** Show bounds and prior, but leave alone what is being typed: a field, or half of a prior. */
  shownMore(name, all = false) {
    const { more } = this.parts.get(name);
    const { bounds, prior } = this.desk.settings[name];
    const half = prior === null && (more[2].value === "") !== (more[3].value === "");
    const texts = [bounds[0], bounds[1], prior?.[0], prior?.[1]];
    more.forEach((input, k) => {
      if (all || (document.activeElement !== input && !(half && k >= 2))) input.value = texts[k] ?? "";
    });
  }

  know(name, what) {
    this.before();
    Object.assign(this.desk.settings[name], what);
    this.desk.values[name] = this.inside(name, this.desk.values[name]);
    this.show();
    this.moving();
    this.changed();
  }
}

function input(type, label) {
  const made = document.createElement("input");
  made.type = type;
  if (type === "range") made.step = "any";
  made.autocomplete = "off";
  made.setAttribute("aria-label", label);
  return made;
}

function labelled(text, control) {
  const label = document.createElement("label");
  if (control.type === "checkbox") label.append(control, ` ${text}`);
  else label.append(`${text} `, control);
  return label;
}

function make(name, kind, text = "") {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.textContent = text;
  return made;
}

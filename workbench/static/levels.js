// The level diagram, as SVG: observed values beside computed ones, with names.

import { shown } from "./numbers.js";

const SPACE = 13; // pixels between two names
const TOP = 14;
const DIGIT = 6.5; // width of a digit, for the numbers of the axis

export class Levels {
  constructor(place, choose) {
    this.place = place;
    this.choose = choose; // called with a row that was clicked
    this.domain = null;
    new ResizeObserver(() => this.build()).observe(place);
  }

  /** Show what was observed; computed values follow by `move`. */
  show(desk, computed) {
    this.desk = desk;
    this.computed = computed;
    this.build();
  }

  /** Move the computed levels, without drawing anything else anew. */
  move(computed) {
    this.computed = computed;
    for (const item of this.items ?? []) this.put(item);
    this.putNames();
  }

  /** Fit the axis to what there is now. */
  settle() {
    this.domain = null;
    this.build();
  }

  build() {
    const { desk, computed, place } = this;
    if (!desk || !computed) return;
    const width = Math.max(place.clientWidth, 200);
    const targets = desk.state.targets;
    const rows = new Map(desk.rows.filter((row) => row.spectrum === desk.spectrum && row.target !== null)
      .map((row) => [row.target, row]));
    const wanted = targets.map((target, k) => k).filter((k) => exists(desk, targets[k]));
    const columns = [...new Set(wanted.map((k) => column(targets[k])))];
    this.height = Math.min(560, Math.max(320, TOP * 2 + SPACE * Math.ceil(wanted.length / columns.length)));
    this.domain ??= range(wanted.flatMap((k) => [rows.get(k)?.value ?? NaN, computed[k]]));
    const svg = element("svg", { viewBox: `0 0 ${width} ${this.height}`, height: this.height, role: "img",
      "aria-label": "Level diagram; the table of the data has the same numbers" });
    const axis = this.drawAxis(svg, width);
    const each = (width - axis) / columns.length;
    this.withNames = each > 110;
    const stub = each * (this.withNames ? 0.3 : 0.42);
    this.items = wanted.map((k) => {
      const left = axis + each * columns.indexOf(column(targets[k]));
      return this.item(svg, k, rows.get(k), left, stub);
    });
    for (const item of this.items) this.put(item);
    this.putNames();
    place.replaceChildren(svg);
  }

  /** The elements of one target. */
  item(svg, k, row, left, stub) {
    const name = this.desk.state.targets[k].name;
    const group = element("g", row?.out ? { class: "out" } : {});
    const item = { k, left, stub, column: left, gap: left + stub, right: left + stub * 1.35 + stub };
    item.computed = element("line", { class: "computed", x1: left + stub * 1.35, x2: item.right });
    group.append(item.computed);
    if (row && row.value !== null) {
      const y = this.y(row.value);
      item.observed = y;
      item.join = element("line", { class: "join", x1: item.gap, x2: left + stub * 1.35, y1: y });
      const line = element("line", { class: "observed", x1: left, x2: item.gap, y1: y, y2: y });
      const hit = element("rect", { class: "hit", x: left, width: stub, y: y - 5, height: 10, "data-target": k });
      hit.append(titled(`${name}: ${sign(row.side)}${shown(row.value)}${row.out ? ", left out" : ""}`));
      hit.addEventListener("click", () => this.choose(row));
      group.append(item.join, line, hit);
    }
    if (this.withNames) {
      item.leader = element("line", { class: "leader", x1: item.right });
      item.name = element("text", { x: item.right + 16 });
      item.name.textContent = name;
      group.append(item.leader, item.name);
    } else {
      item.computed.append(titled(name));
    }
    svg.append(group);
    return item;
  }

  put(item) {
    const y = this.y(this.computed[item.k]);
    item.y = y;
    const isThere = Number.isFinite(y);
    for (const one of [item.computed, item.join, item.leader, item.name]) {
      if (one) set(one, { visibility: isThere ? "visible" : "hidden" });
    }
    if (!isThere) return;
    set(item.computed, { y1: y, y2: y });
    if (item.join) set(item.join, { y2: y });
  }

  /** Put the names beside their levels, one below the other where levels are close. */
  putNames() {
    if (!this.withNames) return;
    const byColumn = Map.groupBy(this.items, (item) => item.column);
    for (const items of byColumn.values()) {
      const order = items.filter((item) => Number.isFinite(item.y)).sort((a, b) => a.y - b.y);
      const at = spread(order.map((item) => item.y), SPACE, TOP, this.height - 4);
      order.forEach((item, place) => {
        set(item.name, { y: at[place] + 4 });
        set(item.leader, { y1: item.y, x2: item.right + 14, y2: at[place] });
      });
    }
  }

  /** Draw the axis; the width that it takes. */
  drawAxis(svg, width) {
    const numbers = ticks(...this.domain).map((tick) => [tick, shown(tick, 6)]);
    const axis = 16 + DIGIT * Math.max(3, ...numbers.map(([, text]) => text.length));
    for (const [tick, number] of numbers) {
      const y = this.y(tick);
      svg.append(element("line", { class: "grid", x1: axis - 6, x2: width, y1: y, y2: y }));
      const text = element("text", { class: "axis", x: axis - 10, y: y + 4, "text-anchor": "end" });
      text.textContent = number;
      svg.append(text);
    }
    const unit = element("text", { class: "axis", x: 0, y: 10 });
    unit.textContent = this.desk.state.unit;
    svg.append(unit);
    return axis;
  }

  y(value) {
    const [low, high] = this.domain;
    return this.height - TOP - ((value - low) / (high - low)) * (this.height - 2 * TOP);
  }
}

/** Whether a target has a condition in this spectrum. */
export function exists(desk, target) {
  const own = desk.state.conditions?.[desk.spectrum];
  return !own || own[target.condition].some((number) => number !== null);
}

/** Move places apart that are nearer than `space`, as little as possible, within limits. */
export function spread(places, space, low, high) {
  const at = [...places];
  for (let k = 0; k < at.length; k += 1) at[k] = Math.max(at[k], k ? at[k - 1] + space : low);
  for (let k = at.length - 1; k >= 0; k -= 1) {
    at[k] = Math.min(at[k], k < at.length - 1 ? at[k + 1] - space : high);
  }
  return at;
}

function column(target) {
  return `${target.condition} ${target.member}`;
}

function range(values) {
  const finite = values.filter(Number.isFinite);
  const low = Math.min(...finite);
  const high = Math.max(...finite);
  if (!(high >= low)) return [0, 1];
  const margin = 0.08 * (high - low) || 0.5 * Math.abs(high) || 1;
  return [low - margin, high + margin];
}

function ticks(low, high) {
  const power = 10 ** Math.floor(Math.log10((high - low) / 4));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => (high - low) / one <= 8);
  const first = Math.ceil(low / step);
  const count = Math.floor(high / step) - first + 1;
  return Array.from({ length: Number.isFinite(count) ? count : 0 }, (_, k) => (first + k) * step);
}

export function sign(side) {
  return { 1: "> ", "-1": "< " }[side] ?? "";
}

function titled(text) {
  const title = element("title", {});
  title.textContent = text;
  return title;
}

function element(name, attributes) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  set(made, attributes);
  return made;
}

function set(one, attributes) {
  for (const [name, value] of Object.entries(attributes)) one.setAttribute(name, value);
}

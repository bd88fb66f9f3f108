// The workbench: what its parts tell each other.

import { correlationsAfter, correlationTable } from "./correlations.js";
import { Data, reassigned } from "./data.js";
import { Desk } from "./desk.js";
import { inputsOf } from "./inputs.js";
import { Levels } from "./levels.js";
import { shown } from "./numbers.js";
import { Parameters } from "./parameters.js";
import { drawResiduals } from "./residuals.js";
import { ask, readState, sendChange, sendSave } from "./rest.js";
import { busy, fail, get, say } from "./say.js";
import { answersOf, distinct, solutionTable, startsOf } from "./solutions.js";

const ANOTHER_MODEL = "Other lines need another model, which takes some seconds.";
let desk = null;
let computed = []; // the computed value of each target
let moved = null; // when the parameters were moved for the first time since the last drawing
let asking = false;

const levels = new Levels(get("levels"), (row) => data.open(row));
const data = new Data(get("data"), get("datum"), { reassign, leave });
const parameters = new Parameters(get("parameters"), {
  before: () => record(),
  moving: () => { say(""); forget(); move(); },
  changed: (fault) => { if (fault) say(fault, "bad"); settle(); },
});

/** Ask the model for the values at these parameters, and draw them; one request at a time. */
async function move() {
  moved ??= performance.now();
  if (asking) return;
  asking = true;
  try {
    while (moved !== null) {
      const since = moved;
      moved = null;
      const answer = await ask(desk.state, "predict", inputsOf(desk, "predict"));
      computed = answer.values[0];
      levels.move(computed);
      data.move(computed);
      showRms();
      performance.measure("redraw", { start: since, end: performance.now() });
    }
  } catch (error) {
    moved = null;
    fail(error);
  } finally {
    asking = false;
  }
}

/** Wait until everything that was asked is drawn. */
async function drawn() {
  while (asking) await new Promise((done) => { setTimeout(done, 5); });
}

/** A change has ended: axes and figures follow. */
async function settle() {
  await drawn();
  levels.settle();
  if (get("residuals").open) await drawResiduals(get("figure"), desk, computed).catch(fail);
  get("undo").disabled = !desk.past.length;
}

/** Draw everything anew, after other data or another spectrum. */
async function rebuild(panel = true) {
  const several = desk.state.spectra.length > 1;
  get("spectra").hidden = !several;
  const options = desk.state.spectra.map((name, k) => new Option(name, k, false, k === desk.spectrum));
  get("spectrum").replaceChildren(...options);
  get("title").textContent = desk.state.title;
  document.title = `${desk.state.title} – eigenfit workbench`;
  get("header").textContent = desk.state.header.join(", ");
  get("text").value = desk.state.text;
  const ties = desk.state.ties.map(({ name, factor, other }) => `${name} = ${shown(factor)} × ${other}`);
  get("ties").textContent = ties.join("; ");
  if (panel) parameters.build(desk);
  else parameters.show();
  data.build(desk);
  await move();
  await drawn();
  levels.domain = null;
  levels.show(desk, computed);
  await settle();
}

/** How far observed and computed values are apart; limits do not count. */
function showRms() {
  const squares = desk.observed().filter((row) => !row.side)
    .map((row) => (row.value - computed[row.target]) ** 2);
  const mean = squares.reduce((total, one) => total + one, 0) / squares.length;
  let text = "";
  if (Number.isFinite(mean)) text = `rms difference ${shown(Math.sqrt(mean), 4)} ${desk.state.unit}`;
  else if (squares.length) text = "the model has no finite values for these parameters";
  get("rms").textContent = text;
}

/** What a fit said no longer holds. */
function forget() {
  parameters.showErrors(null);
  get("solutions-section").hidden = true;
  get("correlations-section").hidden = true;
}

/** Do something that takes time, one at a time; Undo is on afterwards if there is something to take back. */
async function work(text, todo) {
  if (get("bar").inert) return;
  await busy(text, todo);
  get("undo").disabled = !desk?.past.length;
}

/** Fit the free parameters of the chosen spectrum from where they are. */
function fit() {
  return work("Fitting.", async () => {
    const outputs = await ask(desk.state, "fit", inputsOf(desk, "fit"));
    const answers = answersOf(outputs);
    record();
    await use(answers[0]);
    const others = answers.filter((one) => one.parameters.every(Number.isFinite));
    if (others.length > 1) showSolutions(others.map((one) => ({ ...one, count: 1 })));
  });
}

/** Fit from many starts, and show the distinct solutions. */
function search() {
  return work("Searching.", async () => {
    const outputs = await ask(desk.state, "fit", inputsOf(desk, "fit", startsOf(desk)));
    const found = distinct(answersOf(outputs), desk.state);
    if (!found.length) {
      say("No start of the search has an answer.", "bad");
      return;
    }
    record();
    await use(found[0]);
    showSolutions(found);
  });
}

/** Put the parameters where an answer has them, with its errors and correlations. */
async function use(answer) {
  const { name, message, certified } = desk.state.statuses[answer.status];
  const why = answer.cause ? `${desk.state.causes[answer.cause]}. ` : "";
  const said = `${name}: ${message}. ${why}`;
  if (!answer.parameters.every(Number.isFinite)) {
    desk.past.pop();
    say(said, "bad");
    return;
  }
  forget();
  desk.setVector(answer.parameters);
  parameters.show();
  parameters.showErrors(Object.fromEntries(desk.names.map((one, k) => [one, answer.errors[k]])));
  move();
  await settle();
  await showCorrelations(answer);
  say(`${said}Loss ${shown(answer.loss, 6)}.`, certified ? "good" : "bad");
}

function showSolutions(found) {
  get("solutions").replaceChildren(solutionTable(desk, found, (one) => work("", async () => {
    record();
    await use(one);
    showSolutions(found);
  })));
  get("solutions-section").hidden = found.length < 2;
}

async function showCorrelations(answer) {
  const inputs = inputsOf(desk, "covariance", [answer.parameters]);
  const outputs = await ask(desk.state, "covariance", inputs);
  const { names, correlations, note, renew } = correlationsAfter(desk, answer, outputs.covariance[0]);
  get("correlations-note").textContent = note;
  get("renew").hidden = !renew;
  get("correlations").replaceChildren(...(correlations ? [correlationTable(names, correlations)] : []));
  get("correlations-section").hidden = names.length < 2;
}

/** Say something, and which lines of the data could not be understood. */
function sayWithFaults(text) {
  const faults = desk.state.faults.map((fault) => `${fault} This line is left out.`);
  say([text, ...faults].join("\n"), faults.length ? "bad" : "");
}

/** Remember everything before a change. */
function record() {
  desk.record();
  get("undo").disabled = false;
}

function undo() {
  return work("", async () => {
    const before = desk.past.at(-1);
    if (!before) return;
    if (before.text !== desk.state.text) {
      desk.adopt(await sendChange({ ...desk.change(null), text: before.text }), false);
      desk.spectrum = Math.min(desk.spectrum, desk.state.spectra.length - 1);
    }
    desk.past.pop();
    Object.assign(desk, { values: before.values, settings: before.settings });
    Object.assign(desk, { changed: before.changed, dataChanged: before.dataChanged });
    forget();
    await rebuild(false);
    say("The last change was taken back.");
  });
}

/** Change the data, which the server checks. */
function changeData(change, text) {
  return work(text, async () => {
    const state = await sendChange(change);
    record();
    desk.dataChanged = true;
    desk.adopt(state, false);
    desk.spectrum = Math.min(desk.spectrum, state.spectra.length - 1);
    forget();
    await rebuild(false);
    sayWithFaults("The data were changed.");
  });
}

function reassign(row, labels) {
  return changeData(desk.change(reassigned(desk.rows, row, labels)), `Reassigning. ${ANOTHER_MODEL}`);
}

function leave(row) {
  const rows = desk.rows.map((one) => (one === row ? { ...one, out: !one.out } : one));
  return changeData(desk.change(rows), row.out ? "Taking in." : "Leaving out.");
}

function take() {
  const text = get("text").value;
  return changeData({ ...desk.change(null), text }, `Reading the table. ${ANOTHER_MODEL}`);
}

function renew() {
  return work("Making the model anew, which takes some seconds.", async () => {
    const change = desk.change(desk.dataChanged ? desk.rows : null);
    desk.adopt(await sendChange({ ...change, renew: true }), false);
    say("The model has the priors and bounds of this page. Fit again.");
    forget();
  });
}

function save() {
  return work("Saving.", async () => {
    const change = desk.change(desk.dataChanged ? desk.rows : null);
    const saved = await sendSave({ ...change, read: desk.read });
    desk.saved(saved.read);
    get("report").hidden = !saved.report;
    const names = [saved.file, saved.data, saved.results && `results in ${saved.results}`].filter(Boolean);
    const faults = saved.faults ?? [];
    say([`Saved: ${names.join(", ")}.`, ...faults].join("\n"), faults.length ? "bad" : "good");
  });
}

/** Parameters without a start in the file begin where a search of the model ends. */
async function findStarts() {
  if (desk.vector().every(Number.isFinite)) return;
  say("The file gives no starts, so the model searches.");
  const [answer] = answersOf(await ask(desk.state, "fit", inputsOf(desk, "fit")));
  const known = answer.parameters.every(Number.isFinite);
  desk.setVector(desk.vector().map((value, k) => (known ? answer.parameters[k] : value || 0)));
}

async function start() {
  const state = await readState();
  desk = new Desk(state);
  await findStarts();
  get("page").hidden = false;
  await rebuild();
  sayWithFaults("Turn the parameters, then press Fit.");
}

for (const [id, action] of Object.entries({ fit, search, undo, save, take, renew })) {
  get(id).addEventListener("click", action);
}
get("spectrum").addEventListener("change", (event) => {
  desk.spectrum = Number(event.target.value);
  forget();
  rebuild(false);
});
get("residuals").addEventListener("toggle", settle);
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input[type=text], textarea");
  if ((event.ctrlKey || event.metaKey) && event.key === "z" && !typing && !get("undo").disabled) {
    event.preventDefault();
    undo();
  }
});
window.addEventListener("beforeunload", (event) => { if (desk?.changed) event.preventDefault(); });
await work("Loading.", start);

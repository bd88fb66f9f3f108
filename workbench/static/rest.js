// The model, by the REST interface that every client has; and the problem file, by the workbench.

import { decode, encode } from "./numbers.js";

const ANOTHER = "Another page of this workbench has made another model, so this page shows old values. "
  + "Reload it; what was not saved here is then lost.";

/** What the workbench or the model refused, as a text for the user. */
export class Refused extends Error {}

/**
 * Run a signature of the model: arrays by name, [rows, ...] each.
 *
 * The version is that of the page. Another page may have made another one, with other targets.
 */
export async function ask({ model, version }, signature, inputs) {
  const body = encode({ signature_name: signature, inputs });
  const response = await reach(`v1/models/${model}/versions/${version}:predict`, { method: "POST", body });
  const text = await response.text();
  if (response.status === 404) throw new Refused(ANOTHER);
  if (response.status === 403) throw new Refused(text);
  const answer = decode(text);
  if (!response.ok) throw new Refused(answer.error);
  return answer.outputs;
}

/** The state of the problem file, read again. */
export function readState() {
  return talk("state", {});
}

/** Take over changes of the page; the answer is the new state. */
export function sendChange(change) {
  return talk("change", { method: "POST", body: JSON.stringify(change) });
}

/** Write the problem file and the report. */
export function sendSave(change) {
  return talk("save", { method: "POST", body: JSON.stringify(change) });
}

async function talk(path, options) {
  const response = await reach(path, options);
  if (response.status === 422) throw new Refused((await response.json()).faults.join("\n"));
  if (!response.ok) throw new Refused(await response.text());
  return response.json();
}

async function reach(path, options) {
  try {
    return await fetch(path, options);
  } catch {
    throw new Refused("The workbench does not answer. Is `eigenfit workbench` still running?");
  }
}

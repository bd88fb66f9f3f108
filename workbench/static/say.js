// What the page says while it works, and when something fails.

import { Refused } from "./rest.js";

export const get = (id) => document.getElementById(id);

export function say(text, kind = "") {
  get("message").textContent = text;
  get("message").className = kind;
}

export function fail(error) {
  if (!(error instanceof Refused)) console.error(error);
  say(error.message, "bad");
}

/** Do something that takes time, with the buttons off; what fails is said. */
export async function busy(text, work) {
  const buttons = [...document.querySelectorAll("button")].filter((one) => !one.disabled);
  const focused = document.activeElement;
  buttons.forEach((one) => { one.disabled = true; });
  say(text);
  try {
    await work();
  } catch (error) {
    fail(error);
  } finally {
    buttons.forEach((one) => { one.disabled = false; });
    if (focused?.isConnected) focused.focus();
  }
}

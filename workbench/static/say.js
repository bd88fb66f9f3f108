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

/**
 * Do something that takes time; what fails is said.
 *
 * Nothing can be changed meanwhile: an answer belongs to what was asked.
 */
export async function busy(text, work) {
  const parts = [get("bar"), get("page")];
  const focused = document.activeElement;
  parts.forEach((one) => { one.inert = true; });
  say(text);
  try {
    await work();
  } catch (error) {
    fail(error);
  } finally {
    parts.forEach((one) => { one.inert = false; });
    // A table that was made anew has another button at the same place.
    const again = focused?.isConnected ? focused : focused?.id && get(focused.id);
    again?.focus?.();
  }
}

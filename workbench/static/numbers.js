// Numbers as texts, and numbers for JSON with NaN and Infinity, which the REST interface writes.

/** A number with as many digits as it needs, at most eight. */
export function shown(number, digits = 8) {
  if (number === null || number === undefined || Number.isNaN(number)) return "";
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  return String(Number(number.toPrecision(digits))).replaceAll("-", "−");
}

/**
 * The number that somebody typed, with a decimal point or a decimal comma; null for nothing, NaN for
 * anything else. A field of type "number" would read 1,5 as 15, and −2 with a long minus as 2.
 */
export function typed(text) {
  const plain = text.trim().replace("−", "-").replace(",", ".");
  if (plain === "") return null;
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(plain) && Number.isFinite(Number(plain)) ? Number(plain) : NaN;
}

/** A value with its standard error: to two digits of the error, 12.34 ± 0.56. */
export function withError(value, error) {
  if (!Number.isFinite(error) || error <= 0) return shown(value);
  const decimals = Math.max(0, 1 - Math.floor(Math.log10(error)));
  if (decimals > 12) return `${shown(value, 12)} ± ${shown(error, 2)}`;
  return `${value.toFixed(decimals).replace("-", "−")} ± ${error.toFixed(decimals)}`;
}

/** JSON in which NaN and Infinity are written as such. */
export function encode(value) {
  if (Array.isArray(value)) return `[${value.map(encode).join(",")}]`;
  if (typeof value === "number") return Object.is(value, -0) ? "0" : String(value);
  if (value !== null && typeof value === "object") {
    const parts = Object.entries(value).map(([key, one]) => `${JSON.stringify(key)}:${encode(one)}`);
    return `{${parts.join(",")}}`;
  }
  return JSON.stringify(value);
}

/** The value of such JSON. Texts are kept; the words outside of texts become numbers. */
export function decode(text) {
  const words = { NaN: NaN, Infinity: Infinity, "-Infinity": -Infinity };
  const quoted = text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (found) =>
    found in words ? `{"number":"${found}"}` : found);
  return JSON.parse(quoted, (key, value) =>
    value !== null && typeof value === "object" && value.number in words ? words[value.number] : value);
}

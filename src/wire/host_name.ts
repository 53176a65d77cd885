/**
 * Decides what a host name is, for patterns and targets of the configuration, server names of TLS hellos,
 * and hosts of HTTP. Knows text and bytes only.
 *
 * A host name is defined by RFC 1123 §2.1: labels of letters, digits and hyphens with a dot between them.
 * No label is empty or longer than 63 octets, and none has a hyphen at its start or end; the name has 253
 * octets at most (RFC 1035 §2.3.4). Underscores count as letters, since browsers send them. One dot at the
 * end is allowed and removed. A name that browsers would read as an IPv4 address is refused, that is, one
 * whose last label is a number, such as `192.0.2.7`, `127.1` or `0x7f.1` (WHATWG URL, "ends in a number").
 *
 * @module
 */

/** Octets of a name without the dot at its end. */
export const MAX_NAME = 253;
const MAX_LABEL = 63;

const DOT = 0x2e;
const HYPHEN = 0x2d;
const UNDERSCORE = 0x5f;
const ZERO = 0x30;
const LOWER_X = 0x78;

/** Shared by all names: it is filled and read within one call. */
const NAME = new Uint8Array(MAX_NAME + 1);

/**
 * Reads a host name from text.
 *
 * @param text The text
 * @returns The name in lower case, without a dot at its end, as a string of its own that keeps no longer
 * string alive; `undefined` if the text is no host name
 */
export function hostName(text: string): string | undefined {
  const { length } = text;
  if (length > NAME.length) return undefined;
  for (let i = 0; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code > 0x7f) return undefined;
    NAME[i] = code;
  }
  return check(length);
}

/**
 * Like {@linkcode hostName}, from bytes.
 *
 * @param bytes Where the name stands
 * @param start Index of its first byte
 * @param end Index after its last byte
 * @returns The name, or `undefined` if the bytes are no host name
 */
export function readHostName(bytes: Uint8Array, start: number, end: number): string | undefined {
  const length = end - start;
  if (length > NAME.length) return undefined;
  for (let i = 0; i < length; i++) NAME[i] = bytes[start + i]!;
  return check(length);
}

/** Reports whether text is a host name, in any letter case. IP addresses and patterns are none. */
export function isHostName(text: string): boolean {
  return hostName(text) !== undefined;
}

/** Checks the start of {@linkcode NAME} and lowers its case. */
function check(given: number): string | undefined {
  const length = given > 0 && NAME[given - 1] === DOT ? given - 1 : given;
  if (length > MAX_NAME) return undefined;
  let label = 0;
  for (let i = 0; i < length; i++) {
    const code = NAME[i]!;
    if (code === DOT) {
      if (!isLabel(label, i)) return undefined;
      label = i + 1;
    } else if (code >= 0x41 && code <= 0x5a) NAME[i] = code | 0x20;
    else if (!isLabelCode(code)) return undefined;
  }
  if (!isLabel(label, length) || isNumber(label, length)) return undefined;
  return String.fromCharCode.apply(null, NAME.subarray(0, length) as unknown as number[]);
}

function isLabelCode(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || isDigit(code) || code === HYPHEN || code === UNDERSCORE;
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= 0x39;
}

function isLabel(start: number, end: number): boolean {
  const length = end - start;
  return length > 0 && length <= MAX_LABEL && NAME[start] !== HYPHEN && NAME[end - 1] !== HYPHEN;
}

/** Reports whether a label in lower case is a decimal or hexadecimal number. */
function isNumber(start: number, end: number): boolean {
  const hex = NAME[start] === ZERO && NAME[start + 1] === LOWER_X && end - start >= 2;
  for (let i = hex ? start + 2 : start; i < end; i++) {
    const code = NAME[i]!;
    if (!isDigit(code) && !(hex && code >= 0x61 && code <= 0x66)) return false;
  }
  return true;
}

/**
 * IP literals as eight 16-bit words, read without allocating: sources are compared, counted and
 * hashed once per session or flow. Knows no network, no policy and no host name.
 *
 * @module
 */

const ZERO = 0x30;
const NINE = 0x39;
const DOT = 0x2e;
const COLON = 0x3a;
const PERCENT = 0x25;

/** Returns the dotted quad from `start` to the end of the text as a number, -1 if it is none. */
function readQuad(text: string, start: number): number {
  let value = 0;
  let parts = 0;
  let part = 0;
  let digits = 0;
  for (let i = start; i <= text.length; i++) {
    const code = i < text.length ? text.charCodeAt(i) : DOT;
    if (code === DOT) {
      if (digits === 0 || part > 255 || ++parts > 4) return -1;
      value = value * 256 + part;
      part = digits = 0;
    } else {
      // A leading zero means octal to some readers: refused, as inet_pton does.
      if (code < ZERO || code > NINE || (digits > 0 && part === 0) || ++digits > 3) return -1;
      part = part * 10 + code - ZERO;
    }
  }
  return parts === 4 ? value : -1;
}

function hexDigit(code: number): number {
  if (code >= ZERO && code <= NINE) return code - ZERO;
  const lower = code | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
}

function putQuad(words: Uint16Array, at: number, quad: number): void {
  words[at] = quad >>> 16;
  words[at + 1] = quad & 0xffff;
}

/** Opens the gap that `::` stands for. */
function spread(words: Uint16Array, gap: number, filled: number): void {
  for (let from = filled - 1, to = 7; to >= gap; from--, to--) {
    words[to] = from >= gap ? words[from]! : 0;
  }
}

/** Reads RFC 4291 §2.2 text; a zone (`%eth0`) ends it. */
function readWords(text: string, words: Uint16Array): boolean {
  let filled = 0;
  let gap = -1;
  let i = 0;
  if (text.startsWith("::")) {
    gap = 0;
    i = 2;
  }
  while (i < text.length && text.charCodeAt(i) !== PERCENT) {
    if (filled === 8) return false;
    const start = i;
    let word = 0;
    for (; i < text.length; i++) {
      const digit = hexDigit(text.charCodeAt(i));
      if (digit < 0) break;
      if (i - start === 4) return false;
      word = word << 4 | digit;
    }
    if (i < text.length && text.charCodeAt(i) === DOT) {
      const quad = readQuad(text, start);
      if (quad < 0 || filled > 6) return false;
      putQuad(words, filled, quad);
      filled += 2;
      break;
    }
    if (i === start) return false;
    words[filled++] = word;
    if (i === text.length || text.charCodeAt(i) === PERCENT) break;
    if (text.charCodeAt(i) !== COLON || ++i === text.length) return false;
    if (text.charCodeAt(i) === COLON) {
      if (gap >= 0) return false;
      gap = filled;
      i++;
    }
  }
  if (gap < 0) return filled === 8;
  if (filled === 8) return false;
  spread(words, gap, filled);
  return true;
}

/**
 * Reads an IP literal. IPv4 fills the words as its mapped form (`::ffff:a.b.c.d`, RFC 4291 §2.5.5.2),
 * and text in that form is IPv4, so that one client looks the same on every socket.
 *
 * @param text The literal, without brackets
 * @param words Takes the eight words; what it holds is undefined if the text is no literal
 * @returns The family, 0 if the text is no IP literal
 */
export function readIp(text: string, words: Uint16Array): 0 | 4 | 6 {
  if (!text.includes(":")) {
    const quad = readQuad(text, 0);
    if (quad < 0) return 0;
    words.fill(0, 0, 5);
    words[5] = 0xffff;
    putQuad(words, 6, quad);
    return 4;
  }
  if (!readWords(text, words)) return 0;
  const mapped = words[5] === 0xffff &&
    (words[0]! | words[1]! | words[2]! | words[3]! | words[4]!) === 0;
  return mapped ? 4 : 6;
}

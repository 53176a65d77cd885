/**
 * Durations, sizes and rates as text and back. Knows units and bounds; knows no key.
 *
 * @module
 */

import type { Fault } from "../wording.ts";

/** One unit of a quantity. */
type Unit = readonly [name: string, factor: number];

const DURATIONS: readonly Unit[] = [["h", 3_600_000], ["m", 60_000], ["s", 1000], ["ms", 1]];
const SIZES: readonly Unit[] = [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10], ["B", 1]];

/** What a duration looks like, for messages. */
export const DURATION = 'a duration such as "250ms", "5s", "1m" or "1h"';
/** What a size looks like, for messages. */
export const SIZE = 'a size such as "64KiB" or "1MiB"';
/** What a rate looks like, for messages. */
export const RATE = 'a rate such as "100/s"';
/** What a bandwidth looks like, for messages. */
export const BANDWIDTH = 'a bandwidth such as "64KiB/s"';
/** What a share looks like, for messages. */
export const SHARE = 'a share such as "5%" or "0.1%"';

/** Parses `250ms`, `5s`, `1m` or `1h` as milliseconds. */
export function parseDuration(text: string): number | Fault {
  const [, digits, unit] = /^([0-9]{1,9})(ms|s|m|h)$/.exec(text) ?? [];
  const factor = DURATIONS.find(([name]) => name === unit)?.[1];
  if (factor === undefined) return expected(DURATION, text);
  return Number(digits) * factor;
}

/** Parses `512B`, `64KiB`, `1MiB` or `1GiB` as bytes. */
export function parseSize(text: string): number | Fault {
  const [, digits, unit] = /^([0-9]{1,9})(B|KiB|MiB|GiB)$/.exec(text) ?? [];
  const factor = SIZES.find(([name]) => name === unit)?.[1];
  if (factor === undefined) return expected(SIZE, text);
  return Number(digits) * factor;
}

/** Parses `100/s` as a number per second; `0.5/s` is one every two seconds. */
export function parseRate(text: string): number | Fault {
  const [, number] = /^([0-9]{1,9}(?:\.[0-9]{1,3})?)\/s$/.exec(text) ?? [];
  return number === undefined ? expected(RATE, text) : Number(number);
}

/** Parses `64KiB/s` as bytes per second. */
export function parseBandwidth(text: string): number | Fault {
  const size = text.endsWith("/s") ? parseSize(text.slice(0, -2)) : undefined;
  return typeof size === "number" && size > 0 ? size : expected(BANDWIDTH, text);
}

/** Parses `5%` or `0.1%` as a number from 0 to 1. */
export function parseShare(text: string): number | Fault {
  const [, number] = /^([0-9]{1,3}(?:\.[0-9]{1,3})?)%$/.exec(text) ?? [];
  const share = Number(number) / 100;
  return share >= 0 && share <= 1 ? share : expected(SHARE, text);
}

/** Writes milliseconds as {@linkcode parseDuration} reads them, in the largest unit that keeps them whole. */
export function formatDuration(ms: number): string {
  return ms === 0 ? "0s" : withUnit(ms, DURATIONS);
}

/** Writes bytes as {@linkcode parseSize} reads them, in the largest unit that keeps them whole. */
export function formatSize(bytes: number): string {
  return bytes === 0 ? "0B" : withUnit(bytes, SIZES);
}

/** Writes a number per second as {@linkcode parseRate} reads it. */
export function formatRate(perSecond: number): string {
  return `${perSecond}/s`;
}

function withUnit(value: number, units: readonly Unit[]): string {
  const [name, factor] = units.find(([, factor]) => value % factor === 0) ?? units.at(-1)!;
  return `${value / factor}${name}`;
}

function expected(what: string, text: string): Fault {
  return { fault: `Expected ${what}, got ${JSON.stringify(text.slice(0, 80))}` };
}

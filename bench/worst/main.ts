/**
 * The cost of the worst inputs, at sizes up to the caps and however they are cut. See `--help`.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { CUTS, Meter, type Worst } from "./feed.ts";
import { WORST } from "./inputs.ts";

const PARSERS = [...new Set(WORST.map(({ parser }) => parser))];
const USAGE = `Give every parser its worst inputs and print what they cost.

Usage: deno task bench:worst [options]

  --only PARSER   one of ${PARSERS.join(", ")}
  --rounds N      rounds of each, of which the best counts (5)

Twice is what the largest size costs, as a multiple of what half of it costs.`;

/** Sizes of each input: its cap, and halves of it. */
const SIZES = 4;

function print(line: string): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

function row(cells: readonly string[]): string {
  const [name = "", ...rest] = cells;
  return name.padEnd(52) + rest.map((cell) => cell.padStart(11)).join("");
}

function measure(worst: Worst, cut: number, rounds: number): void {
  const meters = Array.from(
    { length: SIZES },
    (_, i) => new Meter(worst, Math.floor(worst.cap / 2 ** (SIZES - 1 - i)), cut),
  );
  for (const meter of meters) meter.warmUp();
  for (let i = 0; i < rounds; i++) {
    for (const meter of meters) meter.round();
  }
  const name = `${worst.parser}: ${worst.name}`;
  const twice = meters.at(-1)!.best / meters.at(-2)!.best;
  for (const [i, { bytes, best }] of meters.entries()) {
    const last = i === meters.length - 1;
    print(row([
      i === 0 ? name : "",
      i === 0 ? (cut === Infinity ? "whole" : `by ${cut}`) : "",
      String(bytes),
      (best / bytes).toFixed(4),
      best.toFixed(1),
      last ? twice.toFixed(2) : "",
    ]));
  }
}

const options = parseArgs(Deno.args, {
  boolean: ["help"],
  string: ["only", "rounds"],
  default: { rounds: "5" },
});
const only = typeof options["only"] === "string" ? options["only"] : undefined;
const rounds = Number(options["rounds"]);
if (options["help"] === true || (only !== undefined && !PARSERS.includes(only)) || !(rounds >= 1)) {
  print(USAGE);
  Deno.exit(options["help"] === true ? 0 : 2);
}
print(row(["input", "cut", "bytes", "µs a byte", "µs in all", "twice"]));
for (const worst of WORST.filter(({ parser }) => only === undefined || parser === only)) {
  for (const cut of worst.cuts ?? CUTS) measure(worst, cut, rounds);
}

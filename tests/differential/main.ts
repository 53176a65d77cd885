/**
 * The long differential test: mutated openings to real servers, for a time. See `--help`.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { Dice } from "../fuzz/mutate.ts";
import { type Form, type Kind, missing, type Server, tryForm } from "./_kind.ts";
import { KINDS } from "./kinds.ts";

const USAGE = `Look for openings for which a server serves a name that shunt does not see.

Usage: deno task fuzz:differential [options]

  --seconds N     how long, for all kinds together (60)
  --seed N        repeat a run (any; it is printed)
  --only KIND     one kind: ${KINDS.map(({ name }) => name).join(", ")}
  --server NAME   one server

Servers whose programs are not installed are named and left out.
Exits with 0, with 1 if such an opening was found or no server is there, with 2 for wrong options.`;

/** Connections at once to each server, which spends most of its time on switching otherwise. */
const AT_ONCE = 4;
const MAX_SHOWN = 20;

function print(text: string): void {
  const bytes = new TextEncoder().encode(`${text}\n`);
  for (let at = 0; at < bytes.length;) at += Deno.stdout.writeSync(bytes.subarray(at));
}

interface Tally {
  forms: number;
  served: number;
  missed: number;
}

async function attack(
  kind: Kind,
  server: Server,
  { seed, end }: { readonly seed: number; readonly end: number },
): Promise<Tally> {
  const tally: Tally = { forms: 0, served: 0, missed: 0 };
  const dice = new Dice(seed);
  const waiting = [...kind.table];
  const next = (): Form | undefined =>
    waiting.shift() ?? (performance.now() < end ? kind.make(dice) : undefined);
  const work = async () => {
    for (let form = next(); form !== undefined; form = next()) {
      const { served, seen } = await tryForm(kind, server, form);
      tally.forms++;
      if (served) tally.served++;
      if (!served || seen) continue;
      if (tally.missed++ >= MAX_SHOWN) continue;
      print(
        `MISSED by ${kind.name}: ${server.name} serves (${form.name})\n  ${form.bytes.toHex()}`,
      );
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return tally;
}

interface Options {
  readonly seconds: number;
  readonly seed: number;
  readonly only: string | undefined;
  readonly server: string | undefined;
}

/** The options, or the exit code if there is nothing to run. */
function readOptions(args: readonly string[]): Options | number {
  const unknown: string[] = [];
  const parsed = parseArgs([...args], {
    boolean: ["help"],
    string: ["seconds", "seed", "only", "server"],
    default: { seconds: "60", seed: String(Date.now() % 1_000_000_000) },
    unknown: (arg) => unknown.push(arg),
  });
  const [seconds, seed] = [Number(parsed["seconds"]), Number(parsed["seed"])];
  const text = (key: string) => parsed[key] === undefined ? undefined : String(parsed[key]);
  const [only, server] = [text("only"), text("server")];
  const servers = KINDS.flatMap((kind) => kind.servers.map(({ name }) => name));
  const fits = unknown.length === 0 && seconds > 0 && Number.isInteger(seed) &&
    (only === undefined || KINDS.some(({ name }) => name === only)) &&
    (server === undefined || servers.includes(server));
  if (parsed["help"] === true || !fits) {
    print(USAGE);
    return fits ? 0 : 2;
  }
  return { seconds, seed, only, server };
}

async function main({ seconds, seed, only, server: wanted }: Options): Promise<number> {
  const kinds = KINDS.filter(({ name }) => only === undefined || name === only);
  const pairs = kinds.flatMap((kind) => kind.servers.map((server) => ({ kind, server })))
    .filter(({ server }) => wanted === undefined || server.name === wanted);
  print(`Seed ${seed}`);
  let [tried, left, missed] = [0, 0, 0];
  for (const [i, { kind, server: { name, needs, start } }] of pairs.entries()) {
    const lacks = await missing(needs);
    if (lacks !== undefined) {
      print(`${kind.name}: ${name} is left out, "${lacks}" is not installed`);
      left++;
      continue;
    }
    await using server = await start();
    const end = performance.now() + seconds * 1000 / pairs.length;
    const tally = await attack(kind, server, { seed: seed + i, end });
    missed += tally.missed;
    // Else nothing was compared.
    if (tally.served > 0) tried++;
    print(
      `${kind.name}: ${name}: ${tally.forms} forms, ${tally.served} served, ${tally.missed} missed`,
    );
  }
  return missed > 0 || tried === 0 || tried + left < pairs.length ? 1 : 0;
}

const options = readOptions(Deno.args);
Deno.exit(typeof options === "number" ? options : await main(options));

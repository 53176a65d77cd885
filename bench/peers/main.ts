/**
 * Compares shunt with its peers: finds them, runs all measurements and writes the report.
 *
 * @module
 */

import { startBackends } from "./backend.ts";
import { stopAll } from "./children.ts";
import { judge } from "./goals.ts";
import { findPrograms } from "./install.ts";
import { Loader } from "./loader.ts";
import { describeMachine } from "./machine.ts";
import { MEASURES } from "./measures.ts";
import { HELP, type Options, readOptions } from "./options.ts";
import { listParticipants } from "./participants.ts";
import { descriptorLimit } from "./proc.ts";
import { writeReport } from "./report.ts";
import { Results } from "./results.ts";
import { runAll } from "./run.ts";

const INTERRUPTED = 130;

function say(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(`${line}\n`));
}

async function write(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(path, text);
  // Files in the repository must pass its gate.
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", path] }).output();
  say(`Wrote ${path}`);
}

/** Runs the bench in a folder of its own; returns whether all participants succeeded. */
async function bench(
  options: Options,
  { folder, signal }: { readonly folder: string; readonly signal: AbortSignal },
): Promise<boolean> {
  const begin = performance.now();
  const { rounds, seconds, workers } = options;
  const programs = findPrograms(say);
  const machine = describeMachine(programs);
  const backend = await startBackends(workers);
  const results = new Results(rounds);
  const measures = MEASURES.filter(({ name }) => options.only.includes(name));
  let folders = 0;
  const participants = await runAll({
    participants: listParticipants(programs).filter(({ name }) =>
      options.participants.length === 0 ||
      options.participants.some((prefix) => name.toLowerCase().startsWith(prefix.toLowerCase()))
    ),
    measures,
    rounds,
    seconds,
    loader: new Loader(workers),
    results,
    signal,
    say,
    setting: () => ({
      folder: `${folder}/${folders++}`,
      backend,
      workers,
      descriptors: descriptorLimit(),
    }),
  });
  const entries = participants.map(({ name, kind, logs }) => ({ name, kind, logs }));
  const metrics = measures.flatMap(({ name, metrics }) =>
    metrics.map((metric) => ({ ...metric, measure: name }))
  );
  const verdicts = judge(results, entries, metrics);
  const minutes = (performance.now() - begin) / 60_000;
  const common = { machine, entries, rounds, seconds, workers, minutes, metrics, verdicts };
  const report = writeReport({ ...common, results });
  Deno.stdout.writeSync(new TextEncoder().encode(report));
  if (options.markdown !== null) await write(options.markdown, report);
  if (options.json !== "") {
    const { failures, leftOut } = results;
    const json = { ...common, failures, leftOut, values: results };
    await write(options.json, `${JSON.stringify(json, undefined, 2)}\n`);
  }
  return results.failures.length === 0;
}

async function main(): Promise<number> {
  let options: Options | undefined;
  try {
    options = readOptions(Deno.args);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    return 2;
  }
  if (options === undefined) {
    say(HELP);
    return 0;
  }
  if (Deno.build.os !== "linux") {
    say(`Cannot run on ${Deno.build.os}: the bench needs Linux`);
    return 2;
  }
  const folder = await Deno.makeTempDir({ prefix: "shunt-bench-" });
  const cleanUp = async () => {
    await stopAll();
    try {
      await Deno.remove(folder, { recursive: true });
    } catch {
      // A second signal came while the first was handled.
    }
  };
  const interrupt = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(name, () => {
      interrupt.abort();
      void cleanUp().then(() => Deno.exit(INTERRUPTED));
    });
  }
  try {
    return await bench(options, { folder, signal: interrupt.signal }) ? 0 : 1;
  } catch (error) {
    if (!interrupt.signal.aborted) throw error;
    return INTERRUPTED;
  } finally {
    await cleanUp();
  }
}

if (import.meta.main) Deno.exit(await main());

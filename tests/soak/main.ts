/**
 * `deno task soak`: runs shunt under mixed real traffic with faults and reloads, and reports.
 *
 * @module
 */

import { HELP, readOptions } from "./options.ts";
import { formatReport, mergeReports } from "./report.ts";
import { runSoak } from "./soak.ts";
import { failuresOf } from "./verdict.ts";

const encoder = new TextEncoder();

function out(text: string): void {
  Deno.stdout.writeSync(encoder.encode(`${text}\n`));
}

function err(text: string): void {
  Deno.stderr.writeSync(encoder.encode(`${text}\n`));
}

async function main(): Promise<number> {
  const options = readOptions(Deno.args);
  if (options === HELP) {
    out(HELP);
    return 0;
  }
  if (typeof options === "string") {
    err(`error: ${options}`);
    return 2;
  }
  err(`Soaking for ${options.minutes} minutes with seed ${options.seed}`);
  const result = await runSoak(options, err);
  const failures = failuresOf(result);
  const report = formatReport(result, failures);
  out(report);
  if (options.report !== undefined) {
    const before = await Deno.readTextFile(options.report).catch(() => "");
    await Deno.writeTextFile(options.report, mergeReports(before, report));
    // The gate formats Markdown, too.
    await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", options.report] }).output();
  }
  return failures.length === 0 ? 0 : 1;
}

Deno.exit(await main());

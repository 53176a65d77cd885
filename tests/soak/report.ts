/**
 * Writes a soak's report: Markdown for people, and a line of JSON. Knows no process.
 *
 * @module
 */

import { ATTACKS } from "./attacks.ts";
import type { ThreeSums } from "./ledger.ts";
import { KINDS } from "./kinds.ts";
import { some } from "./sampler.ts";
import type { SoakResult } from "./soak.ts";
import { growthOf } from "./verdict.ts";

const SAMPLES = 12;

function table(head: readonly string[], rows: readonly (readonly unknown[])[]): string {
  const line = (cells: readonly unknown[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function counted(counts: ReadonlyMap<string, number>): string {
  const sorted = [...counts].sort(([, a], [, b]) => b - a);
  return sorted.map(([what, count]) => `${what} ${count}`).join(", ");
}

function threeSums(name: string, { client, shunt, target }: ThreeSums): unknown[] {
  return [name, client, shunt, target, client === shunt && shunt === target ? "yes" : "NO"];
}

function kindsTable({ ledger }: SoakResult): string {
  const rows = Object.entries(KINDS).flatMap(([name, { does, transport }]) => {
    const result = ledger.kinds.get(name);
    if (result === undefined) return [];
    const { count, exact, broken, up, down, reasons } = result;
    const failed = count - exact - broken;
    return [[name, does, transport, count, exact, broken, failed, up, down, counted(reasons)]];
  });
  const counts = ["all", "as they should", "broken on purpose", "failed"];
  return table(["kind", "what", "", ...counts, "bytes up", "bytes down", "reasons"], rows);
}

function attackersTable({ attacks, ledger }: SoakResult): string {
  if (attacks.size === 0) return "None came.";
  const rows = Object.entries(ATTACKS).map(([name, { does, clients }]) => [
    ...[name, does, clients, attacks.get(name) ?? 0],
  ]);
  const head = ["attack", "what", "at once", "how often"];
  return `${table(head, rows)}\n\nTheir sessions and flows ended with: ${
    counted(ledger.attackers)
  }.`;
}

/**
 * Writes the report of one soak.
 *
 * @param result The soak
 * @param failures What failed
 * @returns Markdown, its title that of a section
 */
export function formatReport(result: SoakResult, failures: readonly string[]): string {
  const { options, ledger, reloads, before, after, samples, warnings } = result;
  const growth = growthOf(result);
  const { tcp, udp } = ledger.lines;
  const differences = [...ledger.differences].map(([what, count]) => `- ${count} × ${what}`);
  const bounds = growth.judged ? "" : " (too short for its bounds to say something)";
  const source = Deno.env.get("SHUNT_BIN") === undefined ? "from its source" : "as a binary";
  return `## With \`io: ${result.io}\`

${failures.length === 0 ? "**All is well.**" : `**${failures.length} failures.**`} ${
    (result.seconds / 60).toFixed(1)
  } minutes on ${
    result.startedAt.toISOString().slice(0, 10)
  }, shunt ${source}, ${result.workers} workers, seed ${options.seed}.

- ${tcp} sessions and ${udp} flows in the access log; shunt counted ${result.stopped?.sessions} and
  ${result.stopped?.flows}.
- ${reloads.total} reloads (${counted(reloads.done)}), ${reloads.refused} refused as they should be.
- ${result.kills} targets killed and restarted, ${result.drains} drained and taken back.
- ${result.active.sessions} sessions and ${result.active.flows} flows lived at the end; descriptors:
  ${before.descriptors} before, ${after.descriptors} after.
- Exit code ${result.exitCode} after SIGTERM, which found ${
    ledger.kinds.get("held")?.count ?? 0
  } sessions running and cut ${result.stopped?.closed} off.
- The slowest answer to a datagram took ${
    ledger.slowest.toFixed(0)
  } ms, the slowest of \`/healthz\` ${result.slowestHealth.toFixed(0)}.
- Over the second half memory grew by ${growth.rss.toFixed(2)} MiB a minute, descriptors by ${
    growth.descriptors.toFixed(1)
  }${bounds}; it was ${growth.early.toFixed(0)} MiB at most in the second quarter, ${
    growth.late.toFixed(0)
  } at least in the last.
${warnings.size === 0 ? "" : `- Warnings in the log: ${counted(warnings)}.\n`}${
    failures.length === 0 ? "" : `\n### Failures\n\n${failures.map((f) => `- ${f}`).join("\n")}\n`
  }
### Bytes of what ended in order

${
    table(["", "by clients", "in the log", "by targets", "equal"], [
      threeSums("up", ledger.up),
      threeSums("down", ledger.down),
    ])
  }

### By kind

${kindsTable(result)}

### Attackers

${attackersTable(result)}

### Where bytes differ, and why

${differences.length === 0 ? "Nowhere." : differences.join("\n")}

### Memory and descriptors

${
    table(
      ["second", "MiB", "descriptors"],
      some(samples, SAMPLES).map(({ at, rss, descriptors }) => [
        Math.round(at),
        rss.toFixed(0),
        descriptors,
      ]),
    )
  }

\`\`\`json
${jsonLine(result, failures)}
\`\`\`
`;
}

function jsonLine(result: SoakResult, failures: readonly string[]): string {
  const { ledger, reloads, io, workers, seconds, kills, drains, exitCode } = result;
  const growth = growthOf(result);
  const kinds = [...ledger.kinds].map(([name, { count, exact, broken }]) =>
    [name, { count, exact, broken }] as const
  );
  return JSON.stringify({
    ...{ ok: failures.length === 0, io, workers, seconds, seed: result.options.seed },
    ...{ sessions: ledger.lines.tcp, flows: ledger.lines.udp },
    ...{ up: ledger.up, down: ledger.down, kinds: Object.fromEntries(kinds) },
    ...{ reloads: reloads.total, kills, drains, exit_code: exitCode },
    rss_mib_per_minute: Number(growth.rss.toFixed(3)),
    descriptors: { before: result.before.descriptors, after: result.after.descriptors },
  });
}

const TITLE = `# The last soak

Written by \`deno task soak --report docs/soak.md\`: mixed real traffic with faults, reloads and
attackers. Clients and targets count and hash each byte of honest traffic, and the result is compared
with shunt's access log. Sessions and flows that ended in order agree on every byte; those that were
broken on purpose are listed by reason.
`;

/**
 * Puts a report into an existing file; reports of other sockets stay.
 *
 * @param before The content of the file
 * @param report The new report
 * @returns The new content
 */
export function mergeReports(before: string, report: string): string {
  const heading = report.slice(0, report.indexOf("\n"));
  const kept = before.split(/^(?=## )/m).filter((part) =>
    part.startsWith("## ") && !part.startsWith(`${heading}\n`)
  );
  const sections = [...kept, report].map((part) => part.trim()).sort();
  return `${[TITLE.trim(), ...sections].join("\n\n")}\n`;
}

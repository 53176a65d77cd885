/**
 * Writes the figures of a run as Markdown. Knows tables, measures nothing.
 *
 * @module
 */

import type { Verdict } from "./goals.ts";
import type { Machine } from "./machine.ts";
import type { Metric } from "./measure.ts";
import type { Entry, Results } from "./results.ts";

/** The input of a report. */
export interface Report {
  readonly machine: Machine;
  readonly entries: readonly Entry[];
  readonly metrics: readonly (Metric & { readonly measure: string })[];
  readonly results: Results;
  readonly verdicts: readonly Verdict[];
  readonly rounds: number;
  readonly seconds: number;
  readonly workers: number;
  /** How long the run took. */
  readonly minutes: number;
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)].join("\n");
}

function number(value: number, digits: number): string {
  return value.toLocaleString("en-US", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

function cell(report: Report, name: string, metric: Report["metrics"][number]): string {
  if (report.results.failed(name, metric.measure)) return "failed";
  const value = report.results.median(name, metric.id);
  return value === undefined ? "–" : number(value, metric.digits);
}

function figures(report: Report, logs: boolean): string {
  const { entries, metrics, results } = report;
  const columns = entries.filter((entry) => entry.logs === logs);
  const own = columns.filter(({ kind }) => kind === "shunt");
  const peers = columns.filter(({ kind }) => kind === "peer").map(({ name }) => name);
  const rows = metrics
    .filter(({ id }) => columns.some(({ name }) => results.values(name, id).length > 0))
    .map((metric) => [
      `${metric.label}, ${metric.unit}`,
      metric.better,
      ...columns.map(({ name }) => cell(report, name, metric)),
      ...own.map(({ name }) => {
        const ratio = results.failed(name, metric.measure)
          ? undefined
          : results.ratio(name, metric, peers);
        return ratio === undefined ? "–" : number(ratio, 2);
      }),
    ]);
  const head = [
    "median of rounds",
    "better",
    ...columns.map(({ name }) => name),
    ...own.map(({ name }) => `${name} / best peer`),
  ];
  return table(head, rows);
}

function goals({ verdicts }: Report): string {
  return table(
    ["goal", "measured", "participant", "wanted", "value", ""],
    verdicts.map(({ goal, metric, participant, wanted, value, reached }) => [
      goal,
      metric.label,
      participant,
      wanted,
      value === undefined ? "failed" : number(value, 2),
      reached ? "reached" : "**not reached**",
    ]),
  );
}

function notes({ results }: Report): string {
  const failures = results.failures.map(({ participant, measure, round, message }) =>
    `- ${participant} failed in ${measure}, round ${round + 1}: ${message.replace(/\s+/g, " ")}`
  );
  const leftOut = results.leftOut.map((text) => `- left out: ${text}`);
  const all = [...failures, ...leftOut];
  return all.length === 0 ? "" : `## Failed or left out\n\n${all.join("\n")}\n`;
}

/**
 * Writes a report as Markdown.
 *
 * @param report Its input
 * @returns Markdown
 */
export function writeReport(report: Report): string {
  const { machine, rounds, seconds, workers, minutes, entries } = report;
  const versions = Object.entries(machine.versions).map(([name, v]) => `${name} ${v}`).join(", ");
  const withLogs = entries.some(({ logs }) => logs)
    ? `## With a log line per session\n\n${figures(report, true)}\n`
    : "";
  return `# shunt and its peers

Written by \`deno task bench:peers\` on ${machine.date} in ${number(minutes, 1)} minutes:
${rounds} interleaved round${
    rounds === 1 ? "" : "s"
  } of ${seconds} s per measurement, ${workers} data-plane thread${
    workers === 1 ? "" : "s"
  } each, everything on loopback.

- Machine: ${machine.cpu}, ${machine.cores} cores, Linux ${machine.kernel}, load ${
    number(machine.load, 1)
  } at the start
- Versions: ${versions}

Ratios are taken against the best peer of the same round, then the median over rounds. CPU is user and system time of the proxy alone, children included: the
steadiest figure on a busy machine. \`direct\` is the backend without a proxy, the bench's own
ceiling. Requests, connections and UDP were run once for nothing before the first round.

## Goals

${goals(report)}

## Without access logs

${figures(report, false)}

${withLogs}
${notes(report)}`.trimEnd() + "\n";
}

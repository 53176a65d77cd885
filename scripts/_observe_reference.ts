/**
 * Writes the reference of metrics, log fields, reasons and API as Markdown, from the code's own tables, so
 * that it always matches the code.
 *
 * @module
 */

import { DETECT_END_TEXTS } from "../src/detect/ends.ts";
import { ACCESS_TEXTS } from "../src/observe/access/fields.ts";
import { LIFE_BOUNDS, WAIT_BOUNDS } from "../src/observe/metrics/histogram.ts";
import { COUNTED_PROTOCOLS } from "../src/observe/metrics/life_counters.ts";
import { RESET_TEXTS } from "../src/observe/metrics/linger_counters.ts";
import { METRICS } from "../src/observe/metrics/metrics.ts";
import { CLOSE_TEXTS, DROP_TEXTS } from "../src/observe/reasons.ts";

/** The parts of an operation of the admin API that the reference shows. */
export interface OperationInfo {
  readonly method: string;
  readonly path: string;
  readonly summary: string;
}

const HEAD = `<!-- deno-fmt-ignore-file -->
# Reference: metrics, log fields, reasons, API

<!-- Written by scripts/_observe_reference.ts from the code. Change descriptions there. -->

The configuration has [a reference of its own](config.md).
`;

/**
 * Writes the reference.
 *
 * @param operations The operations of the admin address
 * @returns Markdown
 */
export function observeReference(operations: readonly OperationInfo[]): string {
  return [
    HEAD,
    ...section("Admin address", "HTTP. Full descriptions: `GET /api/openapi.json`.", {
      head: ["request", "what it does"],
      rows: operations.map(({ method, path, summary }) => [code(`${method} ${path}`), summary]),
    }),
    ...section("Metrics", metricsIntro(), {
      head: ["metric", "type", "labels", "meaning"],
      rows: METRICS.map(({ name, kind, labels, help }) => [
        code(name),
        kind,
        labels.map(code).join(", "),
        help,
      ]),
    }),
    ...section(
      "Access line",
      "One per session and flow, at its end; unknown fields are left out.",
      {
        head: ["field", "meaning"],
        rows: texts(ACCESS_TEXTS),
      },
    ),
    ...section("Close reasons", "The values of `reason`: why a session or flow ended.", {
      head: ["reason", "meaning"],
      rows: texts(CLOSE_TEXTS),
    }),
    ...section(
      "Ends of detection",
      "The values of `detect_end`, and of `cause` in `shunt_detect_ends_total`: what ended detection " +
        "before everything in the first bytes was read.",
      { head: ["cause", "meaning"], rows: texts(DETECT_END_TEXTS) },
    ),
    ...section("Drop reasons", "Why a datagram was dropped: the `reason` of `shunt_drops_total`.", {
      head: ["reason", "meaning"],
      rows: texts(DROP_TEXTS),
    }),
    ...section(
      "Resets with undelivered bytes",
      "The values of `cause` in `shunt_unsent_resets_total`: why a connection was reset while the " +
        "kernel still had bytes for it.",
      { head: ["cause", "meaning"], rows: texts(RESET_TEXTS) },
    ),
  ].join("\n");
}

function metricsIntro(): string {
  const protocols = COUNTED_PROTOCOLS.map(code).join(", ");
  const bounds = (list: readonly number[]) => list.map((bound) => code(String(bound))).join(", ");
  return `At \`GET /metrics\`, in Prometheus' text format. \`transport\` is \`tcp\` or \`udp\`, ` +
    `\`direction\` is \`up\` (to targets) or \`down\`, \`protocol\` is one of ${protocols}. All label ` +
    "values come from the configuration or from lists in shunt, none from clients. Counters go on " +
    "through reloads and when a worker is replaced.\n\n" +
    `Buckets of detection and connect times, in seconds: ${
      bounds(WAIT_BOUNDS)
    }; of session and flow durations: ` +
    `${bounds(LIFE_BOUNDS)}.`;
}

function texts(table: Readonly<Record<string, string>>): string[][] {
  return Object.entries(table).map(([word, meaning]) => [code(word), meaning]);
}

function section(
  title: string,
  intro: string,
  { head, rows }: { readonly head: readonly string[]; readonly rows: readonly string[][] },
): string[] {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [
    `## ${title}\n`,
    `${intro}\n`,
    line(head),
    line(head.map(() => "---")),
    ...rows.map(line),
    "",
  ];
}

function code(text: string): string {
  return `\`${text}\``;
}

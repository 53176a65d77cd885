/**
 * The reference of what shunt tells of itself, as Markdown: written from the code's own tables, so that
 * it cannot say anything else than what is in force.
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

/** What the reference has to know of the admin API. */
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
 * @param operations What the admin address answers
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
      "One per session and flow, at its end; what is unknown is left out.",
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
        "before all was read that the first bytes say.",
      { head: ["cause", "meaning"], rows: texts(DETECT_END_TEXTS) },
    ),
    ...section("Drop reasons", "Why a datagram was dropped: the `reason` of `shunt_drops_total`.", {
      head: ["reason", "meaning"],
      rows: texts(DROP_TEXTS),
    }),
    ...section(
      "Resets of what had not arrived",
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
    "through reloads and where a worker is replaced.\n\n" +
    `Buckets of detecting and connecting, in seconds: ${
      bounds(WAIT_BOUNDS)
    }; of sessions and flows: ` +
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

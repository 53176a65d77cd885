/**
 * What has to hold of one session or flow: what its client, its target and shunt's log say of it must
 * agree. Knows no process and keeps nothing.
 *
 * @module
 */

import { KINDS } from "./kinds.ts";
import type { ClientRecord, TargetRecord } from "./records.ts";
import { type AccessLine, startOf } from "./shunt.ts";

/** When targets were down or drained. */
export interface Outages {
  /** Whether a target was down at any time between two. */
  down(target: string, from: number, to: number): boolean;
  /** Whether a session went to a target that was draining. */
  drained(line: AccessLine): boolean;
}

/** What came of looking at one. */
export interface Finding {
  /** What must not be. */
  readonly problems: readonly string[];
  /** Why bytes may differ: it was broken on purpose. */
  readonly difference?: string;
}

/** What else is known. */
export interface CheckParts {
  readonly targets: readonly TargetRecord[];
  readonly outages: Outages;
}

function hadOutage(line: AccessLine, outages: Outages): boolean {
  const start = startOf(line.id);
  return line.target !== undefined &&
    outages.down(line.target, start, start + line.duration_ms);
}

/** What arrives has been sent: holds whatever breaks. */
function checkBounds(
  client: ClientRecord,
  { bytes_up, bytes_down }: AccessLine,
  target: TargetRecord | undefined,
): string[] {
  const problems: string[] = [];
  if (bytes_up > client.sent.bytes) problems.push("shunt counted more up than the client sent");
  if (bytes_down < client.received.bytes) {
    problems.push("shunt counted less down than the client received");
  }
  if (target === undefined) return problems;
  if (target.received.bytes > bytes_up) {
    problems.push("the target received more than shunt counted");
  }
  if (target.sent.bytes < bytes_down) problems.push("the target sent less than shunt counted");
  return problems;
}

/** All three agree on every byte. */
function checkExact(
  client: ClientRecord,
  { bytes_up, bytes_down }: AccessLine,
  target: TargetRecord | undefined,
): string[] {
  const problems: string[] = [];
  if (bytes_up !== client.sent.bytes) problems.push("shunt counted other bytes up");
  if (bytes_down !== client.received.bytes) problems.push("shunt counted other bytes down");
  if (target === undefined) return [...problems, "no target knows it"];
  if (target.received.bytes !== client.sent.bytes) problems.push("bytes up are missing");
  else if (target.received.hash !== client.sent.hash) problems.push("bytes up have changed");
  if (target.sent.bytes !== client.received.bytes) problems.push("bytes down are missing");
  else if (target.sent.hash !== client.received.hash) problems.push("bytes down have changed");
  return problems;
}

function checkNames({ kind, token }: ClientRecord, { sni, host }: AccessLine): string[] {
  if (kind === "tls" && sni !== `${token}.tls.soak.test`) return ["the log has another SNI"];
  if (kind.startsWith("http") && host !== `${token}.web.soak.test`) {
    return ["the log has another host"];
  }
  return [];
}

/**
 * Checks one session.
 *
 * @param client What its client says
 * @param line What the log says
 * @param parts What its target says, and when targets were down
 */
export function checkSession(
  client: ClientRecord,
  line: AccessLine,
  { targets, outages }: CheckParts,
): Finding {
  const kind = KINDS[client.kind]!;
  const target = targets.length === 1 ? targets[0] : undefined;
  const several = targets.length > 1 ? ["several targets know it"] : [];
  const reason = kind.reasons.some((allowed) => allowed === line.reason)
    ? []
    : [`ended with ${line.reason}`];
  const failed = client.error === undefined ? [] : [`the client says: ${client.error}`];
  switch (kind.ends) {
    case "order": {
      const exact = checkExact(client, line, target);
      const problems = [...several, ...reason, ...failed, ...exact, ...checkNames(client, line)];
      if (problems.length === 0 || kind.shaky === undefined || !hadOutage(line, outages)) {
        return { problems };
      }
      const bounds = checkBounds(client, line, target);
      return { problems: bounds, difference: `target killed (${line.reason})` };
    }
    case "fault": {
      const problems = [...several, ...reason, ...checkBounds(client, line, target)];
      return { problems, difference: `broken on purpose (${line.reason})` };
    }
    case "builtin": {
      const up = line.bytes_up === client.sent.bytes ? [] : ["bytes up are missing"];
      const down = line.bytes_down === client.received.bytes ? [] : ["bytes down are missing"];
      return { problems: [...reason, ...failed, ...up, ...down] };
    }
    case "refused": {
      const touched = line.bytes_up + line.bytes_down + client.received.bytes;
      const bytes = touched === 0 ? [] : ["bytes went through"];
      return { problems: [...reason, ...failed, ...bytes] };
    }
  }
}

function sum<T>(values: readonly T[], of: (value: T) => number): number {
  return values.reduce((total, value) => total + of(value), 0);
}

/**
 * Checks one flow.
 *
 * @param client Its client's record
 * @param lines Its log lines: more than one if its target changed
 * @param parts Its targets' records, and when targets were down
 */
export function checkFlow(
  client: ClientRecord,
  lines: readonly AccessLine[],
  { targets, outages }: CheckParts,
): Finding {
  const kind = KINDS[client.kind]!;
  const problems = client.error === undefined ? [] : [`the client says: ${client.error}`];
  if (lines.length === 0) problems.push("the log does not have it");
  for (const { reason } of lines) {
    if (!kind.reasons.some((allowed) => allowed === reason)) problems.push(`ended with ${reason}`);
  }
  const up = sum(lines, ({ bytes_up }) => bytes_up);
  const down = sum(lines, ({ bytes_down }) => bytes_down);
  if (up !== client.sent.bytes) problems.push("shunt counted other bytes up");
  if (down !== client.received.bytes) problems.push("shunt counted other bytes down");
  const heard = sum(targets, ({ received }) => received.bytes);
  const said = sum(targets, ({ sent }) => sent.bytes);
  if (heard !== client.sent.bytes) problems.push("bytes up are missing");
  if (said !== client.received.bytes) problems.push("bytes down are missing");
  const moved = lines.some(({ reason }) => reason === "target_gone");
  if (moved && problems.length === 1 && said > client.received.bytes) {
    // The next datagram after a reload moves a flow, and answers to those before it may still come.
    return { problems: [], difference: "an answer was under way when its target was taken out" };
  }
  const excused = kind.shaky !== undefined && lines.some((line) => hadOutage(line, outages));
  if (problems.length === 0 || !excused) return { problems };
  const bounds: string[] = [];
  if (up > client.sent.bytes) bounds.push("shunt counted more up than the client sent");
  if (down < client.received.bytes) bounds.push("shunt counted less down than the client received");
  const reasons = [...new Set(lines.map(({ reason }) => reason))].sort().join(", ");
  return { problems: bounds, difference: `target killed (${reasons})` };
}

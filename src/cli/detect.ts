/**
 * `shunt detect`: reports what the detectors find in captured bytes.
 *
 * @module
 */

import { messageOf } from "../errors.ts";
import { type Detected, Detection, SILENT } from "../detect/mod.ts";
import { readFile } from "../text_file.ts";
import { ALL_NAMES, type Fact, FACTS } from "../facts/mod.ts";
import { formatAddress, type SocketAddress } from "../wire/address.ts";
import { parseProxyHeader } from "../wire/proxy_protocol.ts";
import { type Wants, wantsAll } from "../facts/wants.ts";
import { InputError, type Options, type Terminal, UsageError } from "../service/options.ts";
import type { Verb } from "./verb.ts";

/** What the detectors found in captured bytes. */
export interface Finding {
  readonly detected: Detected;
  /** Whether no more bytes are needed. */
  readonly complete: boolean;
  /** What comes before it, from the first byte on: a PROXY header, and each step of an opening. */
  readonly layers: readonly string[];
  /** Whether shunt would have answered some of the bytes. */
  readonly opened?: boolean;
  /** The client, if a PROXY header names it. */
  readonly source?: SocketAddress | undefined;
}

/**
 * Reads files of captured bytes; `-` is standard input.
 *
 * @throws {InputError} if one cannot be read
 */
export async function readCaptures(files: readonly string[]): Promise<Uint8Array[]> {
  const captures: Uint8Array[] = [];
  for (const file of files) {
    try {
      captures.push(
        file === "-"
          ? new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer())
          : await readFile(file, { pipe: true }),
      );
    } catch (error) {
      throw new InputError(`Cannot read "${file}": ${messageOf(error)}`);
    }
  }
  return captures;
}

/**
 * Returns what the detectors find in the first bytes of a session, layer by layer.
 *
 * @param bytes The bytes
 * @param asked What routes ask for. The result has the first eight other ALPN names. An opening is held only if
 * routes ask for what lies behind it
 * @param proxied Whether the bytes may begin with a PROXY header
 */
export function detectStream(bytes: Uint8Array, asked?: Wants, proxied = true): Finding {
  const layers: string[] = [];
  const parsed = proxied ? parseProxyHeader(bytes) : undefined;
  const header = parsed?.kind === "header" ? parsed.header : undefined;
  const source = header?.source;
  if (header !== undefined) {
    const from = source === undefined ? "unknown" : formatAddress(source.host, source.port);
    layers.push(`PROXY header (source ${from})`);
  }
  let rest = bytes.subarray(header?.length ?? 0);
  const detection = new Detection("tcp", wantsAll(asked));
  let detected: Detected | undefined = SILENT;
  let opened = false;
  while (rest.length > 0) {
    detected = detection.stream(rest);
    const { step } = detection;
    if (step === undefined) break;
    opened = true;
    layers.push(step.name);
    rest = rest.subarray(step.consumed);
  }
  const complete = rest.length > 0 && detected !== undefined;
  detected ??= detection.conclude("client_end");
  return { detected, complete, layers, opened, source };
}

/**
 * Returns what the detectors find in the first datagrams of a flow.
 *
 * @param datagrams The datagrams, in order
 * @param asked What routes ask for; the result has the first eight other ALPN names
 */
export function detectFlow(datagrams: readonly Uint8Array[], asked?: Wants): Finding {
  const detection = new Detection("udp", wantsAll(asked));
  const soFar: Uint8Array[] = [];
  for (const datagram of datagrams) {
    soFar.push(datagram);
    const detected = detection.datagrams(soFar);
    if (detected !== undefined) return { detected, complete: true, layers: [] };
  }
  return { detected: detection.conclude("deadline"), complete: false, layers: [] };
}

/** Writes a finding as one line. */
export function formatFinding({ detected, complete, layers }: Finding): string {
  const { protocol, facts, end } = detected;
  const words = [protocol];
  for (const name of ALL_NAMES) {
    const value = facts[name];
    if (value === undefined) continue;
    const { free = false }: Fact = FACTS[name];
    words.push(`${name}=${free ? JSON.stringify(String(value)) : value}`);
  }
  if (complete && end !== undefined) words.push(`detect_end=${end}`);
  if (!complete) words.push("(incomplete: more bytes could tell more)");
  return [...layers, words.join(" ")].join(" > ");
}

async function run(options: Options, terminal: Terminal): Promise<number> {
  const files = options.rest;
  if (files.length === 0) {
    throw new UsageError('No file given; name one, or "-" for standard input');
  }
  const captures = await readCaptures(files);
  const findings = options.has("udp")
    ? [{ file: files.join(" "), ...detectFlow(captures) }]
    : captures.map((bytes, i) => ({ file: files[i] ?? "", ...detectStream(bytes) }));
  for (const finding of findings) {
    const { file, detected: { protocol, facts, end }, complete, layers } = finding;
    const before = layers.length > 0 ? { layers } : {};
    const detect_end = complete ? end : undefined;
    terminal.out(
      options.has("json")
        ? JSON.stringify({ file, protocol, ...facts, detect_end, complete, ...before })
        : `${file}: ${formatFinding(finding)}`,
    );
  }
  return 0;
}

/** The verb `detect`. */
export const detectVerb: Verb = {
  name: "detect",
  summary: "report what the detectors find in captured bytes",
  help: `Usage: shunt detect FILE... [--udp] [--json]

Reports what the detectors find in captured bytes. Each file holds the first bytes of one TCP session;
with --udp, each is one datagram of one flow. "-" is standard input. What lies before the protocol is shown as
well: a PROXY header, and a request for TLS that shunt would answer if a route asks for what follows.

  --udp     the files are datagrams
  --json    one JSON object per line

Exit codes: 0 read, 2 bad usage or a file that cannot be read`,
  options: { boolean: ["udp", "json"], rest: "FILE" },
  run,
};

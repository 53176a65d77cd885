/** Short ways to convert in tests. */

import { assert, assertEquals } from "@std/assert";
import { formatProblem, loadConfig } from "../../../src/config/load.ts";
import type { Config } from "../../../src/config/schema.ts";
import { convertConfig, type Converted, type Format } from "../../../src/convert/mod.ts";
import { PROTOCOLS } from "../../../src/detect/mod.ts";
import { Router, type Seen } from "../../../src/resolve/router.ts";

/** Converts a text. */
export function convert(text: string, from?: Format): Converted {
  return convertConfig(text, { file: "input", from, protocols: PROTOCOLS });
}

/** Converts a text, and asserts that the result loads without a problem. */
export function convertAndLoad(
  text: string,
  from?: Format,
): Converted & { readonly config: Config } {
  const converted = convert(text, from);
  const { config, problems } = loadConfig(converted.yaml, { file: "c.yaml", protocols: PROTOCOLS });
  assertEquals(problems.map(formatProblem), [], converted.yaml);
  assert(config !== undefined);
  return { ...converted, config };
}

/** Returns the target of a listener's client. */
export function targetOf(
  config: Config,
  { listener, ...seen }: Partial<Seen> & { readonly listener: string },
): string | undefined {
  const found = config.listeners[listener];
  assert(found !== undefined, `There is no listener "${listener}"`);
  const router = new Router(found, { protocols: PROTOCOLS });
  const route = router.match({
    transport: "tcp",
    protocol: "tls",
    source: "192.0.2.1",
    ...seen,
  });
  const [target] = route === undefined ? [] : config.upstreams[route.upstream]?.targets ?? [];
  const address = target?.address;
  if (address === undefined) return undefined;
  switch (address.kind) {
    case "inet":
      return `${address.host}:${address.port}`;
    case "unix":
      return address.path;
    case "builtin":
      return address.name;
  }
}

/** Tables of configurations with the lines that a user reads, and short ways to write them. */

import { assertEquals } from "@std/assert";
import { formatProblem, loadConfig } from "../../../src/config/load.ts";
import { PROTOCOLS } from "../../../src/detect/mod.ts";

/** One configuration that has problems. */
export interface Case {
  readonly name: string;
  readonly yaml: string;
  readonly set?: readonly string[];
  /** Every line that a user reads, in order. */
  readonly lines: readonly string[];
}

/** An upstream that routes can name. */
export const UPSTREAMS = "upstreams:\n  web: { targets: [10.0.0.5:443] }\n";

/** What is wrong begins on line 1, at the top level. */
export function withTop(keys: string): string {
  return `${keys}\nlisteners:\n  edge: { bind: "127.0.0.1:80", routes: [{ upstream: web }] }\n${UPSTREAMS}`;
}

/** What is wrong is on line 3. */
export function withBind(bind: string): string {
  return withListener("").replace("127.0.0.1:80", bind);
}

/** What is wrong begins on line 5, in a listener. */
export function withListener(keys: string): string {
  return `listeners:\n  edge:\n    bind: 127.0.0.1:80\n    routes: [{ upstream: web }]\n${keys}\n${UPSTREAMS}`;
}

/** What is wrong begins on line 5, in the list of routes, or on line 6 after another key. */
export function withRoutes(routes: string, keys = ""): string {
  return `listeners:\n  edge:\n    bind: 127.0.0.1:80\n${keys}    routes:\n${routes}\n${UPSTREAMS}`;
}

/** The first match is on line 5, the others follow. */
export function withMatches(...matches: readonly string[]): string {
  return withRoutes(
    matches.map((match) => `      - { match: ${match}, upstream: web }`).join("\n"),
  );
}

/** What is wrong begins on line 5, in an upstream. */
export function withUpstream(keys: string, routes = "[{ upstream: web }]"): string {
  return `listeners:\n  edge: { bind: "127.0.0.1:80", routes: ${routes} }\nupstreams:\n  web:\n${keys}\n`;
}

/** Loads as the command line does. */
export function load(yaml: string, set: readonly string[] = []): ReturnType<typeof loadConfig> {
  return loadConfig(yaml, { file: "c.yaml", protocols: PROTOCOLS, set });
}

/** Makes one test of each case. */
export function testCases(cases: readonly Case[]): void {
  for (const { name, yaml, set = [], lines } of cases) {
    Deno.test(`config: says what is wrong with ${name}`, () => {
      const { config, problems } = load(yaml, set);
      assertEquals(problems.map(formatProblem), lines);
      const failed = problems.some(({ severity }) => severity === "error");
      assertEquals(config === undefined, failed, "A config comes exactly where there is no error");
      for (const { file, line, column } of problems) {
        if (file === "c.yaml") assertEquals([typeof line, typeof column], ["number", "number"]);
      }
    });
  }
}

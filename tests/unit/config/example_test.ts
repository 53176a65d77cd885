import { assert, assertEquals } from "@std/assert";
import { startingConfig } from "../../../src/config/init.ts";
import { formatPattern, listKeys } from "../../../src/config/keys.ts";
import { configJsonSchema } from "../../../src/config/json_schema.ts";
import { formatProblem } from "../../../src/config/problem.ts";
import type { Config } from "../../../src/config/schema.ts";
import { load } from "./_table.ts";

const EXAMPLE = await Deno.readTextFile(new URL("../../../config.example.yaml", import.meta.url));
const TEXTS = { "config.example.yaml": EXAMPLE, "the config of init": startingConfig() };

/** Takes the `#` from keys that are commented out; prose never begins with a key. */
function uncomment(yaml: string): string {
  return yaml.replaceAll(/^( *)# (?=( *)[a-z_]+:( |$))/gm, "$1");
}

function loadClean(yaml: string): Config {
  const { config, problems } = load(yaml);
  assertEquals(problems.map(formatProblem), []);
  assert(config !== undefined);
  return config;
}

for (const [name, yaml] of Object.entries(TEXTS)) {
  Deno.test(`config example: ${name} loads without a problem`, () => {
    loadClean(yaml);
  });

  Deno.test(`config example: ${name} shows the defaults of keys that are commented out`, () => {
    const shown = uncomment(yaml);
    assert(shown.length < yaml.length - 20);
    const { config } = load(shown);
    const plain = loadClean(yaml);
    assert(config !== undefined, load(shown).problems.map(formatProblem).join("\n"));
    // Unset, the idle timeout differs between sessions and flows, so no one value is the default.
    const idle = Object.entries(config.upstreams).map(([key, { idle_timeout: _, ...upstream }]) => [
      key,
      { ...upstream, ...idleOf(plain, key) },
    ]);
    // If unset, the behaviour depends on the routes, so no single value is the default.
    const listeners = Object.entries(config.listeners).map(([key, listener]) => {
      const { on_unreadable: _, ...detect } = listener.detect;
      return [key, { ...listener, detect }];
    });
    assertEquals({
      ...config,
      listeners: Object.fromEntries(listeners),
      upstreams: Object.fromEntries(idle),
    }, plain);
  });
}

function idleOf(config: Config, upstream: string): { readonly idle_timeout?: number } {
  const idle = config.upstreams[upstream]?.idle_timeout;
  return idle === undefined ? {} : { idle_timeout: idle };
}

Deno.test("config example: shows every key that is supported, and only what loopback needs", () => {
  const config = loadClean(EXAMPLE);
  assertEquals(Object.values(config.listeners).flatMap(({ bind }) => bind), ["127.0.0.1:8448"]);
  for (const { targets } of Object.values(config.upstreams)) {
    for (const { address } of targets) assertEquals(address.kind, "builtin");
  }
  for (const { pattern } of listKeys(configJsonSchema([]))) {
    const path = formatPattern(pattern);
    assert(new RegExp(`\\b${pattern.at(-1)}:`).test(EXAMPLE), `${path} is not shown`);
  }
});

import { assert, assertEquals } from "@std/assert";
import { packConfig, unpackConfig } from "../../../src/config/packed.ts";
import type { Config } from "../../../src/config/schema.ts";
import { atOnce } from "../../../src/slices.ts";
import { load } from "./_table.ts";

function many<T>(n: number, item: (i: number) => T): T[] {
  return Array.from({ length: n }, (_, i) => item(i));
}

/** A configuration with more of everything than one text holds, and keys of every kind of value. */
function config(): Config {
  const listeners = many(
    100,
    (i) => `  l${i}: { bind: "127.0.0.1:${i + 1}", routes: [{ upstream: u0 }] }`,
  );
  const routes = many(700, (i) => `    - { match: { sni: h${i}.x }, upstream: u${i % 100} }`);
  const upstreams = many(
    100,
    (i) =>
      `  u${i}: { targets: [${
        many(i === 7 ? 700 : 1, (j) => `{ address: "10.0.${j >> 8}.${j & 255}:1", weight: 2 }`)
          .join(", ")
      }] }`,
  );
  const loaded = load(
    `listeners:\n${listeners.join("\n")}\n  many:\n    bind: 127.0.0.1:999\n    routes:\n${
      routes.join("\n")
    }\nupstreams:\n${upstreams.join("\n")}\nadmin: null\ndrain_timeout: 7s\n`,
  ).config;
  assert(loaded !== undefined);
  return loaded;
}

Deno.test("config packed: unpacks to the same value, in the same order", () => {
  const before = config();
  const after = atOnce(unpackConfig(atOnce(packConfig(before))));
  assertEquals(after, before);
  assertEquals(JSON.stringify(after.listeners), JSON.stringify(before.listeners));
  assertEquals(Object.keys(after.upstreams), Object.keys(before.upstreams));
});

Deno.test("config packed: no text holds much of a long configuration", () => {
  const { parts } = atOnce(packConfig(config()));
  assert(parts.length > 10);
  for (const part of parts) assert(part.length < 64 * 1024, `${part.length}`);
});

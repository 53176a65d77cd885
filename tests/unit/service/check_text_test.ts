import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { checkAside } from "../../../src/service/check_aside.ts";
import { checkText } from "../../../src/service/check_text.ts";

function question(text: string, set: readonly string[] = []) {
  return { text, file: "c.yaml", set };
}

function withRoutes(n: number, upstream = "web"): string {
  const routes = Array.from(
    { length: n },
    (_, i) => `    - { match: { sni: h${i}.example.com }, upstream: ${upstream} }\n`,
  );
  return `listeners:\n  edge:\n    bind: 127.0.0.1:1\n    routes:\n${routes.join("")}` +
    `upstreams: { web: { targets: [10.0.0.1:1] } }\n`;
}

const TEXTS: Readonly<Record<string, string>> = {
  "a short text": withRoutes(3),
  "a long text": withRoutes(1000),
  "a long text with warnings": withRoutes(1000).replace("10.0.0.1:1", "127.0.0.1:1"),
  "a long text with errors": withRoutes(300, "wbe"),
  "a short text with an anchor": withRoutes(1).replace("upstream: web", "upstream: &u web"),
  "a long text that is no YAML": "[".repeat(20_000),
};

for (const [name, text] of Object.entries(TEXTS)) {
  Deno.test(`check text: ${name} gives the same result in another thread`, async () => {
    const here = checkText(question(text, ["drain_timeout=3s"]));
    assertEquals(await checkAside(question(text, ["drain_timeout=3s"])), here);
  });
}

Deno.test("check text: a long text is not checked in this thread", async () => {
  const text = withRoutes(5000);
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  const { config } = await checkAside(question(text));
  clearInterval(timer);
  assertEquals(config?.listeners.edge?.routes.length, 5000);
  // A check in this thread is one turn.
  assert(turns > 20, `${turns} turns`);
});

Deno.test("check text: of very many problems the first 1000 are reported, errors before warnings", () => {
  const wrong = checkText(question(withRoutes(3000, "nonesuch-at-all")));
  assertEquals(wrong.problems.length, 1001);
  assertStringIncludes(wrong.problems[0]!, "c.yaml:5:");
  assertEquals(wrong.problems.at(-1), "c.yaml: 2001 more problems are not listed");
  const ring = Array.from({ length: 1500 }, (_, i) => [
    `  l${i}: { bind: "127.0.0.1:${i + 1}", routes: [{ upstream: u${i} }] }\n`,
    `  u${i}: { targets: ["127.0.0.1:${i + 1}"] }\n`,
  ]);
  const text = `listeners:\n${ring.map(([l]) => l).join("")}upstreams:\n${
    ring.map(([, u]) => u).join("")
  }nonsense: 1\n`;
  const { problems, config } = checkText(question(text));
  assertEquals(config, undefined);
  assertEquals(problems.length, 2);
  assertStringIncludes(problems[0]!, 'Unknown key "nonsense"');
  assertEquals(problems[1], "c.yaml: 1500 more problems are not listed");
});

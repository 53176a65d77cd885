import { assertEquals, assertStringIncludes } from "@std/assert";
import { main } from "../../../src/cli/mod.ts";

const TEXT = "listen_port = 8448\ntcp_backlog = 1\ntcp_target = ['127.0.0.1:80']\n";

/** Runs the verb on a text and returns its output, with the file's name as `FILE`. */
async function run(
  text: string,
  ...args: string[]
): Promise<{ readonly code: number; readonly out: string; readonly err: string[] }> {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, text);
    const out: string[] = [];
    const err: string[] = [];
    const code = await main(["convert", file, ...args], {
      out: (line) => out.push(line),
      err: (line) => err.push(line.replaceAll(file, "FILE")),
    });
    return { code, out: out.join("\n"), err };
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("convert: prints YAML, and on standard error its format and what was left out", async () => {
  const { code, out, err } = await run(TEXT);
  assertEquals(code, 0);
  assertStringIncludes(out, "listeners:\n");
  assertEquals(err, [
    "FILE: read as rpxy-l4; --from FORMAT overrides this",
    "FILE: directives that were not converted: 1; comments name them",
  ]);
});

Deno.test("convert: does not guess if the format is given", async () => {
  const { code, err } = await run(TEXT.replace("tcp_backlog = 1\n", ""), "--from", "rpxy-l4");
  assertEquals([code, err], [0, ["FILE: every directive was converted"]]);
});

const REFUSED: readonly [text: string, args: string[], message: string][] = [
  ["listen_port = \n", ["--from", "rpxy-l4"], "FILE:1: error: "],
  [
    "listen_port = 'x'\n",
    [],
    'FILE:1: error: Expected a whole number for "listen_port"; correct it',
  ],
  ["server {\n  listen 1\n}\n", [], "FILE:2: error: "],
  [
    "listen: (\n",
    [],
    "FILE:2: error: Expected a value, got the end of the file; correct the syntax",
  ],
  ["hello", [], "FILE: error: Cannot guess the format; use --from rpxy-l4, sslh, nginx"],
  [
    "x",
    ["--from", "haproxy"],
    'error: Format "haproxy" is unknown; there are rpxy-l4, sslh, nginx',
  ],
  ["x", ["more"], 'error: Name one file, or "-" for standard input'],
];

for (const [text, args, message] of REFUSED) {
  Deno.test(`convert: refuses ${JSON.stringify(text)} ${args.join(" ")}`, async () => {
    const { code, out, err } = await run(text, ...args);
    assertEquals([code, out], [2, ""]);
    assertStringIncludes(err[0] ?? "", message);
  });
}

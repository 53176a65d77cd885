import { assertEquals, assertThrows } from "@std/assert";
import { type OptionNames, parseOptions, UsageError } from "../../../src/service/options.ts";
import { main, VERBS } from "../../../src/cli/mod.ts";

const NAMES: OptionNames = { boolean: ["udp"], string: ["config"], collect: ["set"], rest: "FILE" };

Deno.test("options: are read in every spelling", () => {
  const table: readonly (readonly string[])[] = [
    ["-c", "a.yaml", "--set", "x=1", "--set", "y=-2", "--udp", "one", "two"],
    ["--config=a.yaml", "--set=x=1", "--set=y=-2", "one", "--udp", "two"],
    ["one", "--config", "a.yaml", "two", "--udp", "--set", "x=1", "--set", "y=-2"],
  ];
  for (const args of table) {
    const options = parseOptions(args, NAMES);
    assertEquals(options.get("config"), "a.yaml");
    assertEquals(options.all("set"), ["x=1", "y=-2"]);
    assertEquals(options.has("udp"), true);
    assertEquals(options.rest, ["one", "two"]);
  }
});

const WRONG: readonly [readonly string[], string][] = [
  [["--confg", "a"], 'Option "--confg" is unknown; there are --config, --set, --help, --udp'],
  [["-x"], 'Option "-x" is unknown'],
  [["-c"], 'Option "--config" needs a value'],
  [["--config", "--udp"], 'Option "--config" needs a value'],
  [["--config="], 'Option "--config" needs a value'],
  [["-c", "a", "-c", "b"], 'Option "--config" was given twice'],
];

for (const [args, message] of WRONG) {
  Deno.test(`options: refuses ${args.join(" ")}`, () => {
    assertThrows(() => parseOptions(args, NAMES), UsageError, message);
  });
}

Deno.test("options: an argument too many is refused", () => {
  assertThrows(
    () => parseOptions(["extra"], { string: ["config"] }),
    UsageError,
    'Argument "extra" is not expected',
  );
});

Deno.test("verbs: each explains itself with all its options", async () => {
  for (const verb of VERBS) {
    const out: string[] = [];
    const terminal = {
      out: (line: string) => out.push(line),
      err: (line: string) => out.push(line),
    };
    assertEquals(await main([verb.name, "--help"], terminal), 0);
    const text = out.join("\n");
    const { boolean = [], string = [], collect = [] } = verb.options;
    for (const option of [...boolean, ...string, ...collect]) {
      assertEquals([verb.name, option, text.includes(`--${option}`)], [verb.name, option, true]);
    }
  }
});

Deno.test("verbs: an unknown one is refused", async () => {
  const err: string[] = [];
  const code = await main(["runn"], { out: () => {}, err: (line) => err.push(line) });
  assertEquals([code, err], [2, [
    'error: Verb "runn" is unknown; did you mean "run"? "shunt --help" lists them',
  ]]);
});

import { assertEquals, assertStringIncludes } from "@std/assert";

const ROOT = `${import.meta.dirname}/../..`;
const MAIN = Deno.env.get("SHUNT_BIN") ?? `${Deno.execPath()} run --no-prompt -A ${ROOT}/main.ts`;

async function run(command: string, ...args: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(command, {
    args,
    cwd: ROOT,
    env: { SHUNT: MAIN, NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

for (
  const [command, ...args] of [
    ["sh", "examples/ci/fixture.sh"],
    ["python3", "examples/ci/fixture.py"],
  ] as const
) {
  Deno.test(`examples: ${args} runs shunt as a fixture`, async () => {
    const { code, out, err } = await run(command, ...args);
    assertEquals(code, 0, err);
    assertStringIncludes(out, "shunt ended cleanly");
  });
}

Deno.test("examples: a Deno test with shunt in its process passes, with the permissions it names", async () => {
  const path = "examples/ci/deno_test.ts";
  const source = await Deno.readTextFile(`${ROOT}/${path}`);
  const [, args] = /deno (test .*\.ts)$/m.exec(source) ?? [];
  const { code, err, out } = await run(Deno.execPath(), ...args!.split(" "));
  assertEquals(code, 0, out + err);
});

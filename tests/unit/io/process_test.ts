import { assertEquals } from "@std/assert";
import { isThere } from "../../../src/io/process.ts";
import { missingForLibc, openLibc } from "../../../src/io/libc/symbols.ts";

// A library that stays open is not a test's leak.
if (missingForLibc() === undefined) openLibc();

Deno.test(
  { name: "process: is there until it has ended", ignore: Deno.build.os === "windows" },
  async () => {
    assertEquals(await isThere(Deno.pid), true);
    const child = new Deno.Command("cat", { stdin: "piped", stdout: "null" }).spawn();
    assertEquals(await isThere(child.pid), true);
    await child.stdin.close();
    await child.status;
    assertEquals(await isThere(child.pid), false);
  },
);

Deno.test("process: is seen with the permissions that a release has", {
  ignore: Deno.build.os !== "linux",
}, async () => {
  const code = `import { isThere } from ${
    JSON.stringify(import.meta.resolve("../../../src/io/process.ts"))
  };
console.log(await isThere(${Deno.pid}), await isThere(2 ** 30));`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--allow-read", "--allow-ffi", "--ext=ts", "-"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const output = child.output();
  await new Blob([code]).stream().pipeTo(child.stdin);
  const { stdout } = await output;
  assertEquals(new TextDecoder().decode(stdout), "true false\n");
});

import { assert, assertEquals, assertRejects } from "@std/assert";
import { readTextFile } from "../../src/text_file.ts";
import { inFolder } from "./_folder.ts";

Deno.test("text file: is read whole, whatever its length", () =>
  inFolder(async (folder) => {
    for (const length of [0, 1, 65_536, 1_000_000]) {
      await Deno.writeTextFile(`${folder}/file`, "x".repeat(length));
      assertEquals((await readTextFile(`${folder}/file`)).length, length);
    }
  }));

Deno.test("text file: a file that is too long, or no file, is refused", () =>
  inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/file`, "x".repeat(100));
    assertEquals((await readTextFile(`${folder}/file`, { most: 100 })).length, 100);
    await assertRejects(
      () => readTextFile(`${folder}/file`, { most: 99 }),
      Error,
      "longer than 99",
    );
    await assertRejects(() => readTextFile(folder), Error, "is not a file");
    await assertRejects(() => readTextFile(`${folder}/none`), Deno.errors.NotFound);
    await assertRejects(() => readTextFile("/dev/zero"), Error, "is not a file");
    await assertRejects(
      () => readTextFile("/dev/zero", { pipe: true, most: 1000 }),
      Error,
      "longer",
    );
  }));

Deno.test({
  name: "text file: a pipe is read if that is wanted",
  ignore: Deno.build.os === "windows",
}, () =>
  inFolder(async (folder) => {
    const pipe = `${folder}/pipe`;
    assert((await new Deno.Command("mkfifo", { args: [pipe] }).output()).success);
    await assertRejects(() => readTextFile(pipe), Error, "is not a file");
    const text = readTextFile(pipe, { pipe: true });
    await Deno.writeTextFile(pipe, "y".repeat(300_000));
    assertEquals((await text).length, 300_000);
  }));

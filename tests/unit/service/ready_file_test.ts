import { assertEquals, assertRejects } from "@std/assert";
import { tryReadyFile, writeReadyFile } from "../../../src/service/ready_file.ts";
import { ShuntError } from "../../../src/errors.ts";
import { inFolder } from "../_folder.ts";

const READY = { pid: 7, admin: null, listeners: { edge: { tcp: ["127.0.0.1:1"], udp: [] } } };

Deno.test("ready file: is written whole, and nothing is left beside it", () =>
  inFolder(async (folder) => {
    const path = `${folder}/ready.json`;
    await tryReadyFile(path);
    await writeReadyFile(path, READY);
    assertEquals(JSON.parse(await Deno.readTextFile(path)), READY);
    const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
    assertEquals(names, ["ready.json"]);
    await assertRejects(
      () => tryReadyFile(`${folder}/none/ready.json`),
      ShuntError,
      "Cannot write",
    );
  }));

Deno.test("ready file: a link in its place, and the linked file, are left alone", () =>
  inFolder(async (folder) => {
    const path = `${folder}/ready.json`;
    const victim = `${folder}/victim`;
    await Deno.writeTextFile(victim, "precious");
    for (const write of [() => tryReadyFile(path), () => writeReadyFile(path, READY)]) {
      await Deno.symlink(victim, `${path}.${Deno.pid}.tmp`);
      await write();
      assertEquals(await Deno.readTextFile(victim), "precious");
    }
    assertEquals((await Deno.lstat(path)).isFile, true);
  }));

Deno.test("ready file: a failed write leaves nothing beside it", () =>
  inFolder(async (folder) => {
    const path = `${folder}/ready.json`;
    // Something took its place after the check. A full disk fails in the same way, with an existing file.
    await Deno.mkdir(path);
    await assertRejects(() => writeReadyFile(path, READY), ShuntError, "Cannot write");
    const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
    assertEquals(names, ["ready.json"]);
  }));

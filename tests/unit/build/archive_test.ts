/**
 * Archives are checked by other programs than the one that made them; the bill of materials lists what is
 * used.
 *
 * @module
 */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { unzipSync } from "fflate";
import { type Entry, tarGz, zip } from "../../../scripts/_archive.ts";
import { findPackages, sbomOf } from "../../../scripts/_sbom.ts";

const data = (text: string) => new TextEncoder().encode(text);
const ENTRIES: readonly Entry[] = [
  { name: "shunt", data: data("program"), executable: true },
  { name: "LICENSE", data: data("free"), executable: false },
];
const EPOCH = 1_000_000_000;

Deno.test("archive: tar reads names, modes, times and content, in one order", async () => {
  const folder = await Deno.makeTempDir({ prefix: "shunt-archive-" });
  try {
    await Deno.writeFile(`${folder}/a.tar.gz`, tarGz(ENTRIES, EPOCH));
    const tar = async (...args: string[]) => {
      const command = new Deno.Command("tar", { args, env: { TZ: "UTC", LC_ALL: "C" } });
      const { success, stdout } = await command.output();
      assert(success);
      return new TextDecoder().decode(stdout);
    };
    const lines = (await tar("-tvzf", `${folder}/a.tar.gz`)).trim().split("\n");
    assertMatch(lines[0]!, /^-rw-r--r-- 0\/0 +4 2001-09-09 01:46 LICENSE$/);
    assertMatch(lines[1]!, /^-rwxr-xr-x 0\/0 +7 2001-09-09 01:46 shunt$/);
    assertEquals(await tar("-xOzf", `${folder}/a.tar.gz`, "shunt"), "program");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("archive: a zip contains the same, and its times do not depend on the time zone", () => {
  const files = unzipSync(zip(ENTRIES, EPOCH));
  assertEquals(Object.keys(files), ["LICENSE", "shunt"]);
  assertEquals(files.shunt, data("program"));
  const packed = zip(ENTRIES, EPOCH);
  const view = new DataView(packed.buffer, packed.byteOffset);
  // 01:46:40 on 2001-09-09, in two-second steps and years from 1980, little-endian from byte 10 on.
  assertEquals(view.getUint16(10, true), 1 << 11 | 46 << 5 | 20);
  assertEquals(view.getUint16(12, true), 21 << 9 | 9 << 5 | 9);
});

Deno.test("archive: neither the order of the files nor the time of packing matters", () => {
  for (const pack of [tarGz, zip]) {
    assertEquals(pack(ENTRIES.toReversed(), EPOCH), pack(ENTRIES, EPOCH));
    assert(pack(ENTRIES, 0).length > 0);
  }
});

Deno.test("sbom: names what the bundle holds, with hashes and licenses, and nothing of the tests", async () => {
  const packages = await findPackages();
  const subject = { version: "1.2.3", commit: "abc", epoch: EPOCH };
  const bill = JSON.parse(sbomOf(subject, packages));
  assertEquals([bill.bomFormat, bill.specVersion], ["CycloneDX", "1.6"]);
  assertEquals(bill.metadata.timestamp, "2001-09-09T01:46:40.000Z");
  const libraries: Record<string, unknown>[] = bill.components.slice(1);
  const names = libraries.map(({ name }) => name);
  for (const name of ["@logtape/logtape", "uplot", "yaml", "zod"]) {
    assert(names.includes(name), name);
  }
  for (const name of ["fast-check", "fflate", "kubernetes-models"]) {
    assert(!names.includes(name), name);
  }
  for (const { name, hashes, licenses, purl } of libraries) {
    assertMatch(JSON.stringify(hashes), /"alg":"SHA-512","content":"[0-9a-f]{128}"/, `${name}`);
    assert(licenses !== undefined, `${name}`);
    assertMatch(`${purl}`, /^pkg:npm\/(%40[\w-]+\/)?[\w.-]+@\d/);
  }
  const refs = new Set(
    bill.components.map((component: { "bom-ref": string }) => component["bom-ref"]),
  );
  for (const { ref } of bill.dependencies.slice(1)) assert(refs.has(ref), ref);
  assertEquals(sbomOf(subject, packages), sbomOf(subject, await findPackages()));
});

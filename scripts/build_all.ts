/**
 * `deno task build:all`: makes the files of a release in `dist/release`: an archive for each platform, the
 * bundle, the bill of materials, and the checksums of all.
 *
 * @module
 */

import project from "../deno.json" with { type: "json" };
import { type Entry, tarGz, zip } from "./_archive.ts";
import { BUNDLE, makeBundle } from "./_bundle.ts";
import { ROOT, runTask, writeLine } from "./_command.ts";
import { compile, type Target, TARGETS } from "./_compile.ts";
import { findPackages, sbomOf } from "./_sbom.ts";
import { findStamp } from "./_stamp.ts";

const FOLDER = `${ROOT}dist/release`;

/** Files in every archive besides the binary. */
const PAPERS = ["LICENSE", "README.md", "CHANGELOG.md", "config.example.yaml"];

async function makeArchive(target: Target, papers: readonly Entry[], epoch: number) {
  const windows = target.includes("windows");
  const name = windows ? "shunt.exe" : "shunt";
  const folder = `${ROOT}dist/${target}`;
  await Deno.mkdir(folder, { recursive: true });
  await compile(BUNDLE, `${folder}/${name}`, target);
  const data = await Deno.readFile(`${folder}/${name}`);
  const entries = [...papers, { name, data, executable: true }];
  const archive = `shunt-${target}.${windows ? "zip" : "tar.gz"}`;
  const pack = windows ? zip : tarGz;
  await Deno.writeFile(`${FOLDER}/${archive}`, pack(entries, epoch));
  writeLine(`Made ${archive}`);
}

async function readPapers(): Promise<readonly Entry[]> {
  return await Promise.all(PAPERS.map(async (name) => ({
    name,
    data: await Deno.readFile(ROOT + name),
    executable: false,
  })));
}

/** Writes checksums in the format of `sha256sum`. */
async function writeChecksums(): Promise<void> {
  const names = (await Array.fromAsync(Deno.readDir(FOLDER))).map(({ name }) => name).toSorted();
  let lines = "";
  for (const name of names) {
    const digest = await crypto.subtle.digest("SHA-256", await Deno.readFile(`${FOLDER}/${name}`));
    lines += `${new Uint8Array(digest).toHex()}  ${name}\n`;
  }
  await Deno.writeTextFile(`${FOLDER}/SHA256SUMS`, lines);
}

if (import.meta.main) {
  await runTask(async () => {
    const stamp = await findStamp();
    await Deno.remove(FOLDER, { recursive: true }).catch(() => {});
    await Deno.mkdir(FOLDER, { recursive: true });
    await makeBundle(stamp);
    await Deno.copyFile(BUNDLE, `${FOLDER}/shunt.js`);
    const subject = { ...stamp, version: project.version };
    await Deno.writeTextFile(`${FOLDER}/shunt.cdx.json`, sbomOf(subject, await findPackages()));
    const papers = await readPapers();
    for (const target of TARGETS) await makeArchive(target, papers, stamp.epoch);
    await writeChecksums();
    writeLine(`Made ${FOLDER}`);
  });
}

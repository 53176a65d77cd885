/**
 * The software bill of materials: CycloneDX 1.6 of the bundle's content, with the hashes of deno.lock.
 * Packages used only in development are not included.
 *
 * @module
 */

import { deno, ROOT } from "./_command.ts";
import type { Stamp } from "./_stamp.ts";

/** One package of npm's. */
export interface Package {
  readonly name: string;
  readonly version: string;
  /** Its SHA-512 as in deno.lock: `sha512-` and base64. */
  readonly integrity: string;
  readonly license: string | undefined;
  /**
   * The names and versions of its dependencies: `yaml@2.9.1`.
   */
  readonly dependencies: readonly string[];
}

interface Lock {
  readonly npm: Readonly<Record<string, { readonly integrity: string }>>;
}

interface Graph {
  readonly modules: readonly { readonly kind?: string; readonly npmPackage?: string }[];
  readonly npmPackages: Readonly<
    Record<
      string,
      {
        readonly name: string;
        readonly version: string;
        readonly localPath: string;
        readonly dependencies: readonly string[];
      }
    >
  >;
}

/**
 * Finds the packages in the bundle.
 *
 * @returns The packages, sorted
 * @throws {Error} if one is not in deno.lock
 */
export async function findPackages(): Promise<readonly Package[]> {
  // The bundle contains the admin address's page as text, and its packages too.
  const graphs = await Promise.all(["scripts/entry.ts", "src/admin/page/main.ts"].map(
    async (program): Promise<Graph> => JSON.parse(await deno("info", "--json", program)),
  ));
  const modules = graphs.flatMap((graph) => graph.modules);
  const npmPackages = Object.assign({}, ...graphs.map((graph) => graph.npmPackages)) as Graph[
    "npmPackages"
  ];
  const lock: Lock = JSON.parse(await Deno.readTextFile(`${ROOT}deno.lock`));
  const wanted = new Set<string>();
  const visit = (id: string) => {
    if (wanted.has(id)) return;
    wanted.add(id);
    npmPackages[id]?.dependencies.forEach(visit);
  };
  for (const { npmPackage } of modules) if (npmPackage !== undefined) visit(npmPackage);
  return await Promise.all(
    [...wanted].toSorted().map(async (id) => {
      const found = npmPackages[id];
      const integrity = lock.npm[id]?.integrity;
      if (found === undefined || integrity === undefined) {
        throw new Error(`Package "${id}" is not in deno.lock; run "deno install" and commit it`);
      }
      const { name, version, localPath, dependencies } = found;
      const manifest = JSON.parse(await Deno.readTextFile(`${localPath}/package.json`));
      const license = typeof manifest.license === "string" ? manifest.license : undefined;
      return { name, version, integrity, license, dependencies };
    }),
  );
}

function purlOf(name: string, version: string): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}

function hexOf(integrity: string): string {
  return Uint8Array.fromBase64(integrity.slice("sha512-".length)).toHex();
}

/** The subject of a bill of materials. */
export interface Subject extends Stamp {
  readonly version: string;
}

/**
 * Writes the bill of materials.
 *
 * @param subject Its subject
 * @param packages The packages in it
 * @returns CycloneDX 1.6 as JSON
 */
export function sbomOf(subject: Subject, packages: readonly Package[]): string {
  const self = `pkg:generic/shunt@${subject.version}`;
  const runtime = `pkg:github/denoland/deno@v${Deno.version.deno}`;
  const refs = new Map(packages.map(({ name, version }) => [
    `${name}@${version}`,
    purlOf(name, version),
  ]));
  const bill = {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      timestamp: new Date(subject.epoch * 1000).toISOString(),
      component: {
        type: "application",
        "bom-ref": self,
        name: "shunt",
        version: subject.version,
        purl: self,
        licenses: [{ license: { id: "MIT" } }],
        ...subject.commit === null
          ? {}
          : { properties: [{ name: "commit", value: subject.commit }] },
      },
    },
    components: [
      {
        type: "platform",
        "bom-ref": runtime,
        name: "deno",
        version: Deno.version.deno,
        purl: runtime,
        licenses: [{ license: { id: "MIT" } }],
      },
      ...packages.map(({ name, version, integrity, license }) => ({
        type: "library",
        "bom-ref": purlOf(name, version),
        name,
        version,
        purl: purlOf(name, version),
        hashes: [{ alg: "SHA-512", content: hexOf(integrity) }],
        ...license === undefined ? {} : { licenses: [{ license: { id: license } }] },
      })),
    ],
    dependencies: [
      { ref: self, dependsOn: [runtime, ...refs.values()] },
      { ref: runtime },
      ...packages.map(({ name, version, dependencies }) => ({
        ref: purlOf(name, version),
        dependsOn: dependencies.flatMap((id) => refs.get(id) ?? []),
      })),
    ],
  };
  return `${JSON.stringify(bill, null, 2)}\n`;
}

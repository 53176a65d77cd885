/**
 * Reads the files in `deploy/`. Knows files and YAML, nothing of shunt.
 *
 * @module
 */

import { parseAllDocuments } from "yaml";

/** The project's folder. */
export const ROOT: string = new URL("../../..", import.meta.url).pathname;

/** An object of Kubernetes's. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata?: { readonly name: string };
  readonly data?: Readonly<Record<string, string>>;
}

/**
 * Reads YAML files.
 *
 * @param folder Where they lie, in the project
 * @returns What each document of each says, with the file's name
 */
export async function readYaml(folder: string): Promise<[string, unknown][]> {
  const documents: [string, unknown][] = [];
  for await (const { name } of Deno.readDir(ROOT + folder)) {
    if (!/\.ya?ml$/.test(name)) continue;
    const text = await Deno.readTextFile(`${ROOT}${folder}/${name}`);
    for (const document of parseAllDocuments(text)) {
      if ("errors" in document && document.errors.length > 0) throw document.errors[0];
      documents.push([name, document.toJS()]);
    }
  }
  return documents.toSorted(([a], [b]) => a < b ? -1 : 1);
}

/**
 * Watches which keys of a value are read: a schema's validator reads those that it knows.
 *
 * @param value The value
 * @returns The value to read, and the paths of keys that were not read
 */
export function watchKeys<T>(value: T): { readonly value: T; readonly unseen: () => string[] } {
  const paths = new Map<string, true>();
  const seen = new Set<string>();
  const wrap = (part: unknown, path: string): unknown => {
    if (typeof part !== "object" || part === null) return part;
    const isArray = Array.isArray(part);
    const parts = Object.entries(part).map(([key, inner]) => {
      const at = `${path}/${key}`;
      if (!isArray) paths.set(at, true);
      return [key, wrap(inner, at)] as const;
    });
    if (isArray) return parts.map(([, inner]) => inner);
    return new Proxy(Object.fromEntries(parts), {
      get(target, key) {
        seen.add(`${path}/${String(key)}`);
        return Reflect.get(target, key);
      },
    });
  };
  const unseen = () => [...paths.keys()].filter((path) => !seen.has(path));
  return { value: wrap(value, "") as T, unseen };
}

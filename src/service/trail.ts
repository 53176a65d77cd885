/**
 * Finds what a path leads through: its symbolic links and the folders that hold them. Knows no watch and no
 * content.
 *
 * @module
 */

import { isAbsolute, join, parse } from "node:path";

/** Links that Linux follows in one path. */
const MAX_SYMLINKS = 40;
const SEPARATOR = Deno.build.os === "windows" ? /[\\/]/ : "/";

/** What a path leads through. */
export interface Trail {
  /** The file itself, with all symbolic links followed. It may be missing; unset if its folder is. */
  readonly file: string | undefined;
  /** The folders of the file, of each link, and of the first part that is missing. */
  readonly folders: ReadonlySet<string>;
  /** The paths whose events may change the target of the path, or its content. */
  readonly names: ReadonlySet<string>;
}

/** Returns what an absolute path leads through now. */
export async function findTrail(path: string): Promise<Trail> {
  const folders = new Set<string>();
  const names = new Set<string>();
  const rest = partsOf(path);
  let at = parse(path).root;
  let file: string | undefined;
  let links = 0;
  for (let part = rest.shift(); part !== undefined; part = rest.shift()) {
    const next = join(at, part);
    names.add(next);
    const info = await lstatOrNothing(next);
    if (rest.length === 0 || info === "missing" || info?.isSymlink) folders.add(at);
    if (rest.length === 0) file = next;
    if (info === "missing") break;
    // A part that may not be read counts as a folder that stays.
    const target = info?.isSymlink ? await readLinkOrNothing(next) : undefined;
    if (target === undefined) {
      at = next;
      continue;
    }
    file = undefined;
    if (++links > MAX_SYMLINKS) break;
    if (isAbsolute(target)) at = parse(target).root;
    rest.unshift(...partsOf(target));
  }
  for (const folder of folders) names.add(folder);
  return { file, folders, names };
}

function partsOf(path: string): string[] {
  const parts = path.slice(parse(path).root.length).split(SEPARATOR);
  return parts.filter((part) => part !== "" && part !== ".");
}

async function lstatOrNothing(path: string): Promise<Deno.FileInfo | "missing" | undefined> {
  try {
    return await Deno.lstat(path);
  } catch (error) {
    return isMissing(error) ? "missing" : undefined;
  }
}

/**
 * Waits for a read from a path.
 *
 * @returns The result, or `undefined` if the path does not exist
 * @throws {unknown} any other error
 */
export async function orMissing<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
}

/** Reports whether a path does not exist. Also true if a file has replaced one of its folders. */
function isMissing(error: unknown): boolean {
  return error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory;
}

async function readLinkOrNothing(path: string): Promise<string | undefined> {
  try {
    return await Deno.readLink(path);
  } catch {
    return undefined;
  }
}

/** Returns the paths of a trail that events can come from, by path and inode: the file at a path may be replaced. */
export async function inodesOf({ file, folders }: Trail): Promise<Map<string, string>> {
  const inodes = new Map<string, string>();
  // The file as well as its folder: a file that is mounted by itself is written elsewhere.
  for (const path of file === undefined ? folders : [...folders, file]) {
    const info = await statOrNothing(path);
    if (info !== undefined) inodes.set(`${path} ${info.dev}:${info.ino}`, path);
  }
  return inodes;
}

/** Returns a text that changes if the file at a path is replaced or written; empty if there is none. */
export async function markOf(path: string): Promise<string> {
  const info = await statOrNothing(path);
  if (info === undefined) return "";
  const { dev, ino, size, mtime, ctime } = info;
  return `${dev}:${ino}:${size}:${mtime?.getTime()}:${ctime?.getTime()}`;
}

async function statOrNothing(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch {
    return undefined;
  }
}

/**
 * Converts keys of nginx maps by server name into shunt's name patterns. Knows one key at a time.
 *
 * @module
 */

/** The meaning of a key. */
export type Key =
  | { readonly kind: "exact" | "wildcard" | "pattern"; readonly patterns: readonly string[] }
  | { readonly kind: "none"; readonly why: string };

/** A name in a regular expression, with its dots escaped. */
const NAME = String.raw`[\w-]+(?:\\\.[\w-]+)*`;
/** Any labels, at least one, before the suffix. */
const ANY = new RegExp(String.raw`^(?:\^\(?\.[*+]\)?)?\\\.(${NAME})\$$`);
/** The same, or the suffix itself. */
const OPTIONAL = new RegExp(
  String.raw`^(?:\^\((?:\?:)?\.[*+]\\\.\)\?|\(\^\|\\\.\)|\(\?:\^\|\\\.\))(${NAME})\$$`,
);
/** A whole name, or several that may share their end. */
const WHOLE = new RegExp(
  String.raw`^\^(?:\((?:\?:)?(${NAME}(?:\|${NAME})*)\)((?:\\\.${NAME})?)|(${NAME}))\$$`,
);

/**
 * Reads a key.
 *
 * @param key The key
 * @param options Whether the map has `hostnames`
 * @returns Its meaning
 */
export function readKey(key: string, { hostnames }: { readonly hostnames: boolean }): Key {
  const read = readAsWritten(key, hostnames);
  if (read.kind === "none") return read;
  return { kind: read.kind, patterns: read.patterns.map((pattern) => pattern.toLowerCase()) };
}

function readAsWritten(key: string, hostnames: boolean): Key {
  if (key.startsWith("~")) return readPattern(key.replace(/^~\*?/, ""));
  const wild = key.startsWith("*.") || key.startsWith(".");
  if (wild && !hostnames) {
    return {
      kind: "none",
      why: 'without "hostnames" nginx takes it for a name that no client sends',
    };
  }
  if (key.startsWith("*.")) return { kind: "wildcard", patterns: [key] };
  if (key.startsWith(".")) return { kind: "wildcard", patterns: [key.slice(1), `*${key}`] };
  if (key.includes("*")) {
    return { kind: "none", why: 'in shunt a "*" stands for labels at the start' };
  }
  return { kind: "exact", patterns: [key] };
}

function readPattern(pattern: string): Key {
  const plain = (text: string): string => text.replaceAll("\\", "");
  const any = ANY.exec(pattern)?.[1];
  if (any !== undefined) return { kind: "pattern", patterns: [`*.${plain(any)}`] };
  const optional = OPTIONAL.exec(pattern)?.[1];
  if (optional !== undefined) {
    return { kind: "pattern", patterns: [plain(optional), `*.${plain(optional)}`] };
  }
  const [, choices, suffix = "", whole] = WHOLE.exec(pattern) ?? [];
  if (choices !== undefined) {
    const patterns = choices.split("|").map((choice) => plain(`${choice}${suffix}`));
    return { kind: "pattern", patterns };
  }
  if (whole !== undefined) return { kind: "pattern", patterns: [plain(whole)] };
  return { kind: "none", why: "shunt matches no regular expressions" };
}

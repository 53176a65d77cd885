/**
 * Turns YAML text into a configuration, or into a list of everything that is wrong with it. Opens no file,
 * and reports what a text holds without throwing.
 *
 * @module
 */

import { ConfigError } from "../errors.ts";
import { checkDns, checkDraft } from "./check.ts";
import { checkAdmin } from "./check_admin.ts";
import { readDraft } from "./draft.ts";
import type { ProtocolInfo } from "../facts/mod.ts";
import { expectation, reportIssues } from "./zod_issues.ts";
import { applyOverrides } from "./overrides.ts";
import { formatPath, formatProblem, type Path, type Problem } from "./problem.ts";
import { Report } from "./report.ts";
import { type Config, ConfigSchema } from "./schema.ts";
import { readTree } from "./tree.ts";

export { formatProblem, type Problem } from "./problem.ts";

/** How to load. */
export interface LoadOptions {
  /** The file's name, for problems. */
  readonly file: string;
  /** The protocols that shunt detects. */
  readonly protocols: readonly ProtocolInfo[];
  /** Values set from outside the file, as `path=value`. */
  readonly set?: readonly string[];
}

/** The result of loading. */
export interface Loaded {
  /** The configuration; absent if there is an error. */
  readonly config?: Config;
  /** Every error and warning, in the order of the file's lines. */
  readonly problems: readonly Problem[];
}

/** Reads a configuration from YAML. */
export function loadConfig(text: string, options: LoadOptions): Loaded {
  const written = readTree(text, options.file);
  if (!("value" in written)) return { problems: written.problems };
  const tree = applyOverrides(written, options.set ?? []);
  const report = new Report(tree.places, tree.problems);

  const parsed = ConfigSchema.safeParse(tree.value, { reportInput: true, error: expectation });
  // No key is reported twice in different words.
  const reported = new Set<string>();
  for (const { code, path } of tree.problems) {
    if (code === "syntax") reported.add(path);
  }
  const issues = (parsed.error?.issues ?? []).filter(({ path }) =>
    !path.some((_, i) => reported.has(formatPath(path.slice(0, i + 1) as Path)))
  );
  reportIssues(issues, { report });
  checkAcross(tree.value, { report, options });

  const problems = report.list();
  const failed = problems.some(({ severity }) => severity === "error");
  return failed || !parsed.success ? { problems } : { config: parsed.data, problems };
}

/**
 * Reads a configuration from YAML. Ignores warnings.
 *
 * @throws {ConfigError} with code `bad_config` and every problem, one per line, if there is an error
 */
export function parseConfig(text: string, options: LoadOptions): Config {
  const { config, problems } = loadConfig(text, options);
  if (config !== undefined) return config;
  throw new ConfigError(problems.map(formatProblem).join("\n"), {
    code: "bad_config",
    context: { file: options.file },
  });
}

function checkAcross(
  value: unknown,
  { report, options }: { readonly report: Report; readonly options: LoadOptions },
): void {
  const draft = readDraft(value);
  if (typeof value !== "object" || value === null) return;
  for (const key of ["listeners", "upstreams"] as const) {
    if (key in value && draft[key].length === 0 && isEmptyMap(Reflect.get(value, key))) {
      const message = `Expected at least one ${key.slice(0, -1)}, got none`;
      report.error("missing", [key], { message, at: "key" });
    }
  }
  checkDraft(draft, { report, protocols: options.protocols });
  const dns = ConfigSchema.shape.dns.safeParse(Reflect.get(value, "dns"));
  if (dns.success) checkDns(dns.data, report);
  const admin = ConfigSchema.shape.admin.safeParse(Reflect.get(value, "admin"));
  if (admin.success && admin.data !== null) {
    checkAdmin(admin.data, { listeners: draft.listeners, report });
  }
}

function isEmptyMap(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0 &&
    !Array.isArray(value);
}

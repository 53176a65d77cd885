/**
 * The conditions of a run: the machine and the versions of all participants.
 *
 * @module
 */

import type { Programs } from "./install.ts";

/** The machine and the versions. */
export interface Machine {
  readonly date: string;
  readonly cpu: string;
  readonly cores: number;
  readonly kernel: string;
  readonly load: number;
  readonly versions: Readonly<Record<string, string>>;
}

function firstMatch(text: string, pattern: RegExp): string {
  return pattern.exec(text)?.[1]?.trim() ?? "unknown";
}

function say(program: string | undefined, args: readonly string[], pattern: RegExp): string {
  if (program === undefined) return "not found";
  try {
    const output = new Deno.Command(program, { args: [...args], stdin: "null" }).outputSync();
    const decoder = new TextDecoder();
    return firstMatch(decoder.decode(output.stdout) + decoder.decode(output.stderr), pattern);
  } catch {
    return "unknown";
  }
}

/**
 * Describes the machine.
 *
 * @param programs The peers
 * @returns The machine and the versions
 */
export function describeMachine(programs: Programs): Machine {
  const root = new URL("../../", import.meta.url).pathname;
  const { version } = JSON.parse(Deno.readTextFileSync(`${root}deno.json`));
  const commit = say("git", ["-C", root, "rev-parse", "--short", "HEAD"], /^([0-9a-f]+)$/m);
  return {
    date: new Date().toISOString().slice(0, 16).replace("T", " ") + " UTC",
    cpu: firstMatch(Deno.readTextFileSync("/proc/cpuinfo"), /^model name\s*:\s*(.+)$/m),
    cores: navigator.hardwareConcurrency,
    // Major and minor only; the rest names the machine rather than the kernel.
    kernel: Deno.osRelease().split(".").slice(0, 2).join("."),
    load: Deno.loadavg()[0] ?? 0,
    versions: {
      shunt: `${version} (${commit})`,
      Deno: Deno.version.deno,
      HAProxy: say(programs.haproxy, ["-v"], /version (\S+)/),
      nginx: say(programs.nginx, ["-v"], /nginx\/(\S+)/),
      sslh: say(programs.sslh ?? programs.sslhFork, ["-V"], /sslh\S* v?(\d\S*)/),
    },
  };
}

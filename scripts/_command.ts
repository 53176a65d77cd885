/**
 * Runs the commands of builds. Knows no build.
 *
 * @module
 */

/** The project's folder. */
export const ROOT: string = new URL("..", import.meta.url).pathname;

/** The result of a command. */
export interface Outcome {
  readonly ok: boolean;
  readonly out: string;
  readonly err: string;
}

/**
 * Runs a command in the project's folder.
 *
 * @param program The program
 * @param args Its arguments
 * @param env Variables in addition to this process's
 * @returns Whether it ended with exit code 0, and what it wrote
 */
export async function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Outcome> {
  const command = new Deno.Command(program, { args: [...args], cwd: ROOT, env: { ...env } });
  const { success, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { ok: success, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/**
 * Runs the same Deno as this script.
 *
 * @param args Its arguments
 * @returns Its standard output
 * @throws {Error} with its standard error if it fails
 */
export async function deno(...args: readonly string[]): Promise<string> {
  const { ok, out, err } = await run(Deno.execPath(), args);
  if (!ok) throw new Error(`"deno ${args[0]}" failed:\n${err.trim()}`);
  return out;
}

/**
 * Runs a task. An error becomes one line and exit code 1.
 *
 * @param task What to do
 */
export async function runTask(task: () => Promise<void>): Promise<void> {
  try {
    await task();
  } catch (error) {
    writeLine(`error: ${error instanceof Error ? error.message : error}`);
    Deno.exit(1);
  }
}

/**
 * Writes a line about the build to standard error.
 *
 * @param line The line
 */
export function writeLine(line: string): void {
  const bytes = new TextEncoder().encode(`${line}\n`);
  let written = 0;
  while (written < bytes.length) written += Deno.stderr.writeSync(bytes.subarray(written));
}

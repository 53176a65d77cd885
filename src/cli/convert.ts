/**
 * `shunt convert`: turns a configuration of another proxy into shunt's.
 *
 * @module
 */

import { messageOf } from "../errors.ts";
import { convertConfig, type Format, FORMATS, formatUnreadable } from "../convert/mod.ts";
import { PROTOCOLS } from "../detect/mod.ts";
import { readTextFile } from "../text_file.ts";
import { InputError, type Options, type Terminal, UsageError } from "../service/options.ts";
import type { Verb } from "./verb.ts";

function formatOf(options: Options): Format | undefined {
  const given = options.get("from");
  if (given === undefined) return undefined;
  const known = FORMATS.find((format) => format === given);
  if (known !== undefined) return known;
  throw new UsageError(`Format "${given}" is unknown; there are ${FORMATS.join(", ")}`);
}

async function readInput(file: string): Promise<string> {
  try {
    return file === "-"
      ? await new Response(Deno.stdin.readable).text()
      : await readTextFile(file, { pipe: true });
  } catch (error) {
    throw new InputError(`Cannot read "${file}": ${messageOf(error)}`);
  }
}

async function run(options: Options, terminal: Terminal): Promise<number> {
  const [file, ...others] = options.rest;
  if (file === undefined || others.length > 0) {
    throw new UsageError('Name one file, or "-" for standard input');
  }
  const from = formatOf(options);
  const text = await readInput(file);
  try {
    const { yaml, format, unconverted } = convertConfig(text, { file, from, protocols: PROTOCOLS });
    if (from === undefined) {
      terminal.err(`${file}: read as ${format}; --from FORMAT overrides this`);
    }
    terminal.out(yaml.trimEnd());
    terminal.err(
      unconverted === 0
        ? `${file}: every directive was converted`
        : `${file}: directives that were not converted: ${unconverted}; comments name them`,
    );
    return 0;
  } catch (error) {
    const line = formatUnreadable(error, file);
    if (line === undefined) throw error;
    terminal.err(line);
    return 2;
  }
}

/** The verb `convert`. */
export const convertVerb: Verb = {
  name: "convert",
  summary: "turn a configuration of rpxy-l4, sslh or nginx into shunt's",
  help: `Usage: shunt convert FILE [--from FORMAT] > config.yaml

Turns a configuration of another proxy into YAML that "shunt check" accepts. A comment names each
directive that has no equivalent, with its line, next to what it affects. "-" is standard input.

  --from FORMAT    ${FORMATS.join(", ")}; guessed unless given. nginx: the stream block is read

Exit codes: 0 converted, 2 bad usage or a file that cannot be read`,
  options: { string: ["from"], rest: "FILE" },
  run,
};

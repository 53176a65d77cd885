/**
 * Makes the files of the admin address's page: code, style and uPlot, in one file each. Knows where they
 * come from, not how they are served.
 *
 * They are kept as a module, since importing text or bytes still needs an unstable flag in Deno.
 *
 * @module
 */

import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { deno, ROOT } from "./_command.ts";

const SOURCE = `${ROOT}src/admin/page/`;

const HEADER = `/**
 * The files of the page, made by "deno task update" from src/admin/page/ and npm's uplot.
 *
 * @module
 */
// deno-fmt-ignore-file

`;

/**
 * Makes the module.
 *
 * @returns Its text
 * @throws {Error} if Deno cannot bundle the browser's code
 */
export async function makePageFiles(): Promise<string> {
  const uplot = dirname(dirname(fileURLToPath(import.meta.resolve("uplot"))));
  // The bundler drops the license, but it has to be included.
  const license = `/*!\n${(await Deno.readTextFile(`${uplot}/LICENSE`)).trim()}\n*/\n`;
  const read = (name: string) => Deno.readTextFile(`${SOURCE}${name}`);
  const code = await deno(
    "bundle",
    "--quiet",
    "--platform",
    "browser",
    "--minify",
    `${SOURCE}main.ts`,
  );
  const chartStyle = await Deno.readTextFile(`${uplot}/dist/uPlot.min.css`);
  const files = {
    HTML: await read("index.html"),
    CODE: `${license}${code}`,
    STYLE: [`${license}${chartStyle}`, await read("page.css"), await read("narrow.css")].join("\n"),
    ICON: await read("icon.svg"),
  };
  const constants = Object.entries(files).map(([name, text]) =>
    `/** For \`page.ts\`. */\nexport const ${name}: string = ${JSON.stringify(text)};\n`
  );
  return `${HEADER}${constants.join("\n")}`;
}

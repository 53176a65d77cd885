/**
 * Access lines by an operator's template: text with fields in braces. Knows the template's syntax, not the
 * content of the fields.
 *
 * @module
 */

import { type AccessRecord, accessValues } from "./record.ts";
import { ACCESS_TEXTS } from "./fields.ts";
import { quotedValue, textValue } from "../log/text_value.ts";

/** A name that a template may use besides the fields of an access line. */
const TIME = "time";

/** The fields that a template may use. */
export const TEMPLATE_FIELDS: readonly string[] = [TIME, ...Object.keys(ACCESS_TEXTS)];

/** Written for a value that is not known. */
const MISSING = "-";

/** A field in a template. */
export interface TemplateField {
  readonly field: string;
  /** Whether it stands between quotes, so that its value gets no quotes of its own. */
  readonly quoted: boolean;
}

/** A piece of a template: text, or a field. */
export type TemplatePart = string | TemplateField;

/** `{{`, `}}`, `{field}`, or a brace that is none of these. */
const TOKEN = /\{\{|\}\}|\{([^{}]*)\}|[{}]/g;

/**
 * Parses a template.
 *
 * @param template Text with `{field}`, where `{{` and `}}` are braces
 * @returns Its pieces, with fields that may not exist; or what is wrong with it
 */
export function parseTemplate(template: string): readonly TemplatePart[] | string {
  // deno-lint-ignore no-control-regex -- a line stays one line; tabs may separate
  if (/[\x00-\x08\x0a-\x1f\x7f]/.test(template)) return "it has a control character";
  const parts: TemplatePart[] = [];
  let text = "";
  let end = 0;
  let quoted = false;
  for (const match of template.matchAll(TOKEN)) {
    const [token, field] = match;
    const between = template.slice(end, match.index);
    text += between;
    // A quote after a backslash is part of the text.
    if ((between.match(/(?<!\\)"/g)?.length ?? 0) % 2 === 1) quoted = !quoted;
    end = match.index + token.length;
    if (field !== undefined) {
      if (text !== "") parts.push(text);
      text = "";
      parts.push({ field, quoted });
    } else if (token.length === 2) text += token[0];
    else return `"${token}" is alone; write "${token}${token}" for a "${token}"`;
  }
  text += template.slice(end);
  if (text !== "") parts.push(text);
  return parts;
}

/**
 * Makes a function that writes access lines by a template.
 *
 * @param template A valid template
 * @returns Writes a line, with its line feed
 */
export function compileTemplate(template: string): (record: AccessRecord) => string {
  const parts = parseTemplate(template);
  if (typeof parts === "string") throw new TypeError(`The template was not checked: ${parts}`);
  return (record) => {
    const values: Readonly<Record<string, unknown>> = accessValues(record);
    let line = "";
    for (const part of parts) {
      if (typeof part === "string") line += part;
      else if (part.field === TIME) line += new Date().toISOString();
      else line += valueOf(values[part.field], part.quoted);
    }
    return `${line}\n`;
  };
}

function valueOf(value: unknown, quoted: boolean): string {
  if (value === undefined) return MISSING;
  if (quoted) return quotedValue(value);
  // Distinguishes a client whose name is "-" from a missing name.
  return value === MISSING ? `"${MISSING}"` : textValue(value);
}

/**
 * The reasons why detection may end before all facts are read: a closed list with texts. Access lines,
 * metrics and the reference use it.
 *
 * @module
 */

/** Why detection ended without all facts. */
export const DETECT_END_TEXTS = {
  deadline: "`detect.timeout` passed before enough bytes had come",
  client_end: "The client stopped sending before enough bytes had come",
  max_bytes: "More bytes were needed than `detect.max_bytes`",
  datagrams: "More datagrams were needed than a flow may hold",
  fields: "The HTTP request has more header fields than shunt reads",
  frames: "More HTTP/2 frames came before the request than shunt reads",
  malformed: "The message that holds the facts contradicts itself or cannot be read",
  bad_name: "The name is not a valid one, such as `a..b` or `*.example`",
} as const;

/** A key of {@linkcode DETECT_END_TEXTS}. */
export type DetectEnd = keyof typeof DETECT_END_TEXTS;

/** The keys of {@linkcode DETECT_END_TEXTS}. */
export const DETECT_ENDS: readonly DetectEnd[] = Object.keys(DETECT_END_TEXTS) as DetectEnd[];

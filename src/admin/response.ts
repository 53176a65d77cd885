/**
 * Writes an answer as HTTP/1.1. Knows no socket.
 *
 * @module
 */

/** Names of statuses. Others have no name, which RFC 9112 §4 allows. */
const NAMES: Readonly<Record<number, string>> = {
  200: "OK",
  202: "Accepted",
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
  405: "Method Not Allowed",
  409: "Conflict",
  413: "Content Too Large",
  417: "Expectation Failed",
  422: "Unprocessable Content",
  431: "Request Header Fields Too Large",
  500: "Internal Server Error",
  501: "Not Implemented",
  503: "Service Unavailable",
};

const encoder = new TextEncoder();

/**
 * Writes an answer, the last one of its connection.
 *
 * @param response The answer
 * @param headOnly Whether to leave out its body, as for HEAD
 * @returns Its bytes
 */
export async function writeAnswer(response: Response, headOnly: boolean): Promise<Uint8Array> {
  const body = new Uint8Array(await response.arrayBuffer());
  const { status, headers } = response;
  const lines = [`HTTP/1.1 ${status} ${NAMES[status] ?? ""}`];
  for (const [name, value] of headers) lines.push(`${name}: ${value}`);
  lines.push(`date: ${new Date().toUTCString()}`, `content-length: ${body.length}`);
  const head = encoder.encode(`${lines.join("\r\n")}\r\nconnection: close\r\n\r\n`);
  if (headOnly) return head;
  const answer = new Uint8Array(head.length + body.length);
  answer.set(head);
  answer.set(body, head.length);
  return answer;
}

/**
 * Writes the admin API as an OpenAPI 3.1 document. Knows how operations are described, but no operation.
 *
 * @module
 */

import { z } from "zod";
import project from "../../deno.json" with { type: "json" };
import { ErrorSchema } from "./errors.ts";
import type { Answer, Operation } from "./operation.ts";

/** Refusals that any operation may return. */
const REFUSALS: Readonly<Record<number, string>> = {
  400: "The request does not fit",
  401: "A token is needed, or another one",
  403: "Another site's page may have sent it",
  413: "The body is longer than 4 KiB",
  500: "A bug in shunt: the log has more",
};
type Json = Readonly<Record<string, unknown>>;

function schemaOf(schema: z.ZodType, io: "input" | "output" = "output"): Json {
  if (schema === ErrorSchema) return { $ref: "#/components/schemas/Error" };
  return plain(schema, io);
}

function plain(schema: z.ZodType, io: "input" | "output" = "output"): Json {
  const { $schema: _, ...json } = z.toJSONSchema(schema, { io });
  return json;
}

function answerOf({ description, content }: Answer): Json {
  return typeof content === "string"
    ? { description, content: { [content]: { schema: { type: "string" } } } }
    : { description, content: { "application/json": { schema: schemaOf(content) } } };
}

function refusal(description: string): Json {
  return answerOf({ description, content: ErrorSchema });
}

function parametersOf({ path, query }: Operation): readonly Json[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    description: "Percent-encoded",
    schema: { type: "string" },
  }));
  const inQuery = Object.entries(query?.shape ?? {}).map(([name, schema]) => {
    const { description, ...json } = plain(schema as z.ZodType, "input");
    return {
      name,
      in: "query",
      ...(description === undefined ? {} : { description }),
      schema: json,
    };
  });
  return [...inPath, ...inQuery];
}

function describe(operation: Operation): Json {
  const { summary, method, answers, body } = operation;
  const parameters = parametersOf(operation);
  return {
    summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined ? {} : {
      requestBody: {
        required: true,
        content: { "application/json": { schema: schemaOf(body, "input") } },
      },
    }),
    ...(method === "GET" ? {} : { security: [{ token: [] }, { header: [] }] }),
    responses: Object.fromEntries([
      ...Object.entries(REFUSALS).map(([status, text]) => [status, refusal(text)]),
      ...Object.entries(answers).map(([status, answer]) => [status, answerOf(answer)]),
    ]),
  };
}

/** Returns the OpenAPI document of the operations, as plain JSON. */
export function openapiDocument(operations: readonly Operation[]): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const operation of operations) {
    (paths[operation.path] ??= {})[operation.method.toLowerCase()] = describe(operation);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "shunt admin API",
      version: project.version,
      license: { name: project.license, identifier: project.license },
    },
    paths,
    components: {
      schemas: { Error: plain(ErrorSchema) },
      securitySchemes: {
        token: { type: "http", scheme: "bearer", description: "The token of admin.token_file" },
        header: {
          type: "apiKey",
          in: "header",
          name: "X-Shunt",
          description: "The value 1, for changes by a browser if no token is set",
        },
      },
    },
  };
}

/**
 * Receives OpenTelemetry exports as JSON over HTTP. Knows OTLP, nothing of shunt.
 *
 * @module
 */

/** A value of an attribute. */
interface Value {
  readonly stringValue?: string;
  readonly intValue?: string | number;
  readonly doubleValue?: number;
  readonly arrayValue?: { readonly values: readonly Value[] };
}

/** An attribute. */
interface Attribute {
  readonly key: string;
  readonly value: Value;
}

/** A span as it came, with its attributes as plain values. */
export interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string;
  readonly kind: number;
  /** Milliseconds since 1970. */
  readonly start: number;
  readonly end: number;
  /** 2 is an error. */
  readonly status: number;
  readonly message: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

/** A value of a metric. */
export interface Point {
  readonly name: string;
  readonly value: number;
  readonly attributes: Readonly<Record<string, unknown>>;
}

function plain({ stringValue, intValue, doubleValue, arrayValue }: Value): unknown {
  if (arrayValue !== undefined) return arrayValue.values.map(plain);
  return stringValue ?? (intValue === undefined ? doubleValue : Number(intValue));
}

function plainAll(attributes: readonly Attribute[] = []): Record<string, unknown> {
  return Object.fromEntries(attributes.map(({ key, value }) => [key, plain(value)]));
}

/** A receiver of OTLP on loopback. */
export class OtlpReceiver implements AsyncDisposable {
  /** Spans so far. */
  readonly spans: Span[] = [];
  /** The values of metrics so far, the newest last. */
  readonly points: Point[] = [];
  /** Names of the services that exported something. */
  readonly services = new Set<unknown>();
  readonly #server: Deno.HttpServer<Deno.NetAddr>;

  constructor() {
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen: () => {} },
      async (request) => {
        // deno-lint-ignore no-explicit-any -- the format's own names, which a wrong one would not find
        const body: any = await request.json();
        const path = new URL(request.url).pathname;
        if (path === "/v1/traces") this.#takeSpans(body.resourceSpans);
        if (path === "/v1/metrics") this.#takePoints(body.resourceMetrics);
        return Response.json({});
      },
    );
  }

  /** What has OpenTelemetry export to here. */
  get environment(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_SERVICE_NAME: "shunt-test",
      OTEL_BSP_SCHEDULE_DELAY: "100",
      OTEL_METRIC_EXPORT_INTERVAL: "200",
    };
  }

  // deno-lint-ignore no-explicit-any -- as above
  #takeSpans(resources: any[]): void {
    for (const { resource, scopeSpans } of resources) {
      this.services.add(plainAll(resource.attributes)["service.name"]);
      for (const { spans } of scopeSpans) {
        for (const span of spans) {
          this.spans.push({
            ...span,
            start: Number(BigInt(span.startTimeUnixNano) / 1000n) / 1000,
            end: Number(BigInt(span.endTimeUnixNano) / 1000n) / 1000,
            status: span.status?.code ?? 0,
            message: span.status?.message ?? "",
            attributes: plainAll(span.attributes),
          });
        }
      }
    }
  }

  // deno-lint-ignore no-explicit-any -- as above
  #takePoints(resources: any[]): void {
    for (const { scopeMetrics } of resources) {
      for (const { metrics } of scopeMetrics) {
        for (const { name, sum, gauge } of metrics) {
          for (const point of (sum ?? gauge)?.dataPoints ?? []) {
            const value = Number(point.asInt ?? point.asDouble);
            this.points.push({ name, value, attributes: plainAll(point.attributes) });
          }
        }
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

/**
 * Checks the manifests against Kubernetes' own schemas, and their values against shunt.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { PodMonitor } from "@kubernetes-models/prometheus-operator/monitoring.coreos.com/v1/PodMonitor";
import { DaemonSet } from "kubernetes-models/apps/v1/DaemonSet";
import { Deployment } from "kubernetes-models/apps/v1/Deployment";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { ConfigMap } from "kubernetes-models/v1/ConfigMap";
import type { Container } from "kubernetes-models/v1/Container";
import { Service } from "kubernetes-models/v1/Service";
import { formatProblem } from "../../../src/config/problem.ts";
import { load } from "../config/_table.ts";
import { type Manifest, readYaml, ROOT, watchKeys } from "./_deploy.ts";
import project from "../../../deno.json" with { type: "json" };

/** Modules with schemas, by version and kind. */
const MODELS: Readonly<Record<string, { readonly prototype: { validate(): void } }>> = {
  "apps/v1 DaemonSet": DaemonSet,
  "apps/v1 Deployment": Deployment,
  "monitoring.coreos.com/v1 PodMonitor": PodMonitor,
  "policy/v1 PodDisruptionBudget": PodDisruptionBudget,
  "v1 ConfigMap": ConfigMap,
  "v1 Service": Service,
};

/**
 * Keys that the schema does not know; they would be ignored, or refused by a strict server. What is
 * against the schema throws.
 */
function unknownKeys(manifest: Manifest): string[] {
  const model = MODELS[`${manifest.apiVersion} ${manifest.kind}`];
  assert(model !== undefined, `no schema for ${manifest.apiVersion} ${manifest.kind}`);
  const { value, unseen } = watchKeys(manifest);
  // On the manifest itself: a model made of it would look at every key to copy it.
  model.prototype.validate.call(value);
  return unseen();
}

const FOLDER = "deploy/kubernetes";
const documents = await readYaml(FOLDER) as [string, Manifest][];
const manifests = documents.filter(([name]) => name !== "kustomization.yaml");

function find(kind: string): Manifest & { readonly spec: PodOwner } {
  const found = manifests.find(([, manifest]) => manifest.kind === kind)?.[1];
  assert(found !== undefined, kind);
  return found as Manifest & { readonly spec: PodOwner };
}

interface PodOwner {
  readonly template: {
    readonly spec: {
      readonly terminationGracePeriodSeconds: number;
      readonly containers: readonly [Container];
      readonly volumes: readonly { readonly name: string }[];
    };
  };
}

Deno.test("kubernetes: the check finds wrong types, missing keys and unknown ones", () => {
  const good = structuredClone(find("Deployment")) as unknown as {
    apiVersion: string;
    kind: string;
    spec: Record<string, unknown>;
  };
  assertEquals(unknownKeys(good), []);
  good.spec.replicaz = 2;
  assertEquals(unknownKeys(good), ["/spec/replicaz"]);
  good.spec.replicas = "two";
  assertThrows(() => unknownKeys(good), Error, "replicas must be integer");
  delete good.spec.replicas;
  delete good.spec.selector;
  assertThrows(() => unknownKeys(good), Error, "required property selector");
});

for (const [name, manifest] of manifests) {
  Deno.test(`kubernetes: ${name} ${manifest.kind} ${manifest.metadata?.name} is as its schema says`, () => {
    assertEquals(unknownKeys(manifest), []);
  });
}

Deno.test("kubernetes: the kustomization names files that are there, and this version", () => {
  const found = documents.find(([name]) => name === "kustomization.yaml")?.[1];
  const { resources, images } = found as unknown as {
    resources: readonly string[];
    images: readonly { name: string; newTag: string }[];
  };
  const files = new Set(documents.map(([name]) => name));
  assertEquals(resources.filter((name) => !files.has(name)), []);
  assertEquals(images.map(({ newTag }) => newTag), [project.version]);
});

Deno.test("kubernetes: the configuration loads, without a problem", () => {
  const { config, problems } = load(find("ConfigMap").data?.["config.yaml"] ?? "");
  assertEquals(problems.map(formatProblem), []);
  assertEquals(config?.admin?.token_file, "/etc/shunt-admin/token");
});

for (const kind of ["Deployment", "DaemonSet"]) {
  Deno.test(`kubernetes: pods of the ${kind} have the ports, files and time that shunt needs`, () => {
    const { config } = load(find("ConfigMap").data?.["config.yaml"] ?? "");
    assert(config !== undefined);
    const { containers: [shunt], volumes, terminationGracePeriodSeconds } =
      find(kind).spec.template.spec;
    const ports = shunt.ports?.map(({ containerPort, protocol }) =>
      `${containerPort}/${protocol ?? "TCP"}`
    );
    assertEquals(ports, ["8443/TCP", "8443/UDP", "9901/TCP"]);
    assertEquals(config.listeners.edge?.bind, ["0.0.0.0:8443"]);
    assertEquals(config.admin?.bind, "0.0.0.0:9901");
    for (const { mountPath, subPath, name } of shunt.volumeMounts ?? []) {
      assertEquals(subPath, undefined, `${mountPath}: what is mounted by subPath never changes`);
      assert(volumes.some((volume) => volume.name === name), name);
    }
    const pause = shunt.lifecycle?.preStop?.sleep?.seconds ?? 0;
    assert(terminationGracePeriodSeconds > pause + config.drain_timeout / 1000);
  });
}

Deno.test("nomad: the configuration loads once Nomad has filled in the targets", async () => {
  const job = await Deno.readTextFile(`${ROOT}deploy/nomad/shunt.nomad.hcl`);
  const template = /<<YAML\n(.*?)\nYAML\n/s.exec(job)?.[1];
  assert(template !== undefined);
  const loaded = (instead: string) => {
    const yaml = template
      .replace(/\n *\{\{- range .*?\}\}(.*?)\n *\{\{- else \}\}(.*?)\n *\{\{- end \}\}/s, instead)
      .replace(/\{\{ if regexMatch ":" \.Address \}\}.*?\{\{ end \}\}/, "10.0.0.5")
      .replace(/\{\{ if regexMatch ":" \.Address \}\}.*?\{\{ end \}\}/, "[2001:db8::1]")
      .replaceAll("{{ .Port }}", "443");
    assert(!yaml.includes("{{"), yaml);
    const { config, problems } = load(yaml);
    assertEquals(problems.map(formatProblem), []);
    return config;
  };
  assertEquals(loaded("$2")?.upstreams.web?.targets.length, 1);
  const config = loaded("$1$1");
  assertEquals(config?.upstreams.web?.targets.length, 2);
  const seconds = (key: string) => Number(new RegExp(`${key} += "(\\d+)s"`).exec(job)?.[1]);
  assert(seconds("kill_timeout") > (config?.drain_timeout ?? Infinity) / 1000);
});

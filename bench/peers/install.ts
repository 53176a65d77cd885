/**
 * Finds HAProxy, nginx and sslh, and installs missing ones if apt-get and root are available.
 *
 * @module
 */

/** Paths of the peers' programs; undefined if one is not available. */
export interface Programs {
  /** HAProxy. */
  readonly haproxy: string | undefined;
  /** nginx. */
  readonly nginx: string | undefined;
  /** sslh with one process for all sessions. */
  readonly sslh: string | undefined;
  /** sslh with a process per session, for what the other cannot do. */
  readonly sslhFork: string | undefined;
}

/** Debian's packages. */
const PACKAGES = ["haproxy", "nginx-light", "libnginx-mod-stream", "sslh"];
const FOLDERS = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"];

function find(...names: readonly string[]): string | undefined {
  for (const name of names) {
    for (const folder of FOLDERS) {
      try {
        if (Deno.statSync(`${folder}/${name}`).isFile) return `${folder}/${name}`;
      } catch {
        // Not there: look further.
      }
    }
  }
  return undefined;
}

function findAll(): Programs {
  const events = find("sslh-ev");
  return {
    haproxy: find("haproxy"),
    nginx: find("nginx"),
    sslh: events ?? find("sslh-select"),
    sslhFork: events === undefined ? find("sslh") : undefined,
  };
}

function complete({ haproxy, nginx, sslh }: Programs): boolean {
  return haproxy !== undefined && nginx !== undefined && sslh !== undefined;
}

/**
 * Finds the peers, after installing missing ones.
 *
 * @param say Prints a line
 * @returns The programs
 */
export function findPrograms(say: (line: string) => void): Programs {
  const found = findAll();
  if (complete(found)) return found;
  if (Deno.uid() !== 0 || find("apt-get") === undefined) {
    say(`Not all peers are installed; to compare with all: apt-get install ${PACKAGES.join(" ")}`);
    return found;
  }
  say(`Installing ${PACKAGES.join(", ")}`);
  const { success } = new Deno.Command("apt-get", {
    args: ["install", "-y", "--no-install-recommends", ...PACKAGES],
    // RUNLEVEL keeps the packages' services from starting.
    env: { DEBIAN_FRONTEND: "noninteractive", RUNLEVEL: "1" },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).outputSync();
  if (!success) say("Cannot install all peers: apt-get failed");
  return findAll();
}

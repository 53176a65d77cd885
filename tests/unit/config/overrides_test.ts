import { testCases, withListener } from "./_table.ts";

testCases([
  {
    name: "no equals sign",
    yaml: withListener(""),
    set: ["log.level"],
    lines: [
      '--set log.level: error: Cannot parse the override; write "path=value", as in "log.level=debug"',
    ],
  },
  {
    name: "paths that are none",
    yaml: withListener(""),
    set: ["=1", "a..b=1", ".a=1", "a[x]=1", "[0]b=1"],
    lines: [
      '--set =1: error: Cannot parse the override; write "path=value", as in "log.level=debug"',
      '--set a..b=1: error: Cannot parse the override; write "path=value", as in "log.level=debug"',
      '--set .a=1: error: Cannot parse the override; write "path=value", as in "log.level=debug"',
      '--set a[x]=1: error: Cannot parse the override; write "path=value", as in "log.level=debug"',
      '--set [0]b=1: error: Cannot parse the override; write "path=value", as in "log.level=debug"',
    ],
  },
  {
    name: "a value that is not YAML",
    yaml: withListener(""),
    set: ["log.level=["],
    lines: [
      "--set log.level=[: error: log.level: Cannot read as YAML: Flow sequence must end with a ]",
    ],
  },
  {
    name: "a value out of bounds",
    yaml: withListener(""),
    set: ["drain_timeout=5", "listeners.edge.limits={ sessions: 0 }"],
    lines: [
      "--set listeners.edge.limits={ sessions: 0 }: error: listeners.edge.limits.sessions: Expected at least 1, got 0",
      '--set drain_timeout=5: error: drain_timeout: Expected a duration such as "250ms", "5s", "1m" or "1h", got 5',
    ],
  },
  {
    name: "an unknown key",
    yaml: withListener(""),
    set: ["log.levle=debug"],
    lines: [
      '--set log.levle=debug: error: log.levle: Unknown key "levle"; did you mean "level"?',
    ],
  },
  {
    name: "an unknown upstream",
    yaml: withListener(""),
    set: ["listeners.edge.routes[0].upstream=wbe"],
    lines: [
      '--set listeners.edge.routes[0].upstream=wbe: error: listeners.edge.routes[0].upstream: Unknown upstream "wbe"; did you mean "web"?',
    ],
  },
  {
    name: "an element that is not there",
    yaml: withListener(""),
    set: ["listeners.edge.routes[1].upstream=web"],
    lines: [
      '--set listeners.edge.routes[1].upstream=web: error: listeners.edge.routes[1].upstream: "listeners.edge.routes" has no element [1]',
    ],
  },
  {
    name: "a key of a list",
    yaml: withListener(""),
    set: ["listeners.edge.routes.first=1"],
    lines: [
      '--set listeners.edge.routes.first=1: error: listeners.edge.routes.first: "listeners.edge.routes" is not a map',
    ],
  },
  {
    name: "an index of a map",
    yaml: withListener(""),
    set: ["listeners[0]=1"],
    lines: [
      '--set listeners[0]=1: error: listeners[0]: "listeners" is not a list',
    ],
  },
  {
    name: "a key of a word",
    yaml: withListener(""),
    set: ["listeners.edge.bind.port=1"],
    lines: [
      '--set listeners.edge.bind.port=1: error: listeners.edge.bind.port: "listeners.edge.bind" is not a map',
    ],
  },
  {
    name: "a map that lacks a key",
    yaml: withListener(""),
    set: ["listeners.edge={ bind: '127.0.0.1:0' }"],
    lines: [
      `--set listeners.edge={ bind: '127.0.0.1:0' }: error: listeners.edge: Key "routes" is missing`,
    ],
  },
  {
    name: "a value for a listener that is not in the file",
    yaml: withListener(""),
    set: ["listeners.egde.bind=127.0.0.1:0"],
    lines: [
      '--set listeners.egde.bind=127.0.0.1:0: error: listeners.egde: Key "routes" is missing',
    ],
  },
]);

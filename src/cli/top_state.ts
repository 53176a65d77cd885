/**
 * What keys choose in `shunt top`: the view, and how it is sorted, filtered and scrolled. Pure: knows
 * neither the terminal nor what is shown.
 *
 * @module
 */

/** The views. */
export const TOP_VIEWS = ["listeners", "targets", "sessions"] as const;

/** One of {@linkcode TOP_VIEWS}. */
export type TopView = typeof TOP_VIEWS[number];

/** How a view is sorted: by the index of a column, or not at all. */
export interface TopSort {
  readonly column: number | undefined;
  readonly descending: boolean;
}

/** What the keys chose. */
export interface TopState {
  readonly view: TopView;
  readonly sorts: Readonly<Record<TopView, TopSort>>;
  /** Text that rows must contain. */
  readonly filter: string;
  /** Whether keys are added to the filter. */
  readonly typing: boolean;
  /** Rows above the visible ones. */
  readonly scroll: number;
  readonly over: boolean;
}

/** What is shown, as far as keys need to know. */
export interface TopShown {
  /** Columns of each view. */
  readonly columns: Readonly<Record<TopView, number>>;
  /** Rows that there are. */
  readonly rows: number;
  /** Rows that fit. */
  readonly height: number;
}

/** Most characters of a filter: what the admin address takes. */
const MAX_FILTER = 255;

const UNSORTED: TopSort = { column: undefined, descending: true };

/** The state at the start. */
export const TOP_START: TopState = {
  view: "listeners",
  sorts: { listeners: UNSORTED, targets: UNSORTED, sessions: UNSORTED },
  filter: "",
  typing: false,
  scroll: 0,
  over: false,
};

/** What terminals send for keys other than characters. */
const SEQUENCES: Readonly<Record<string, string>> = {
  "\x1b[A": "up",
  "\x1bOA": "up",
  "\x1b[B": "down",
  "\x1bOB": "down",
  "\x1b[C": "right",
  "\x1bOC": "right",
  "\x1b[D": "left",
  "\x1bOD": "left",
  "\x1b[5~": "page up",
  "\x1b[6~": "page down",
  "\x1b": "escape",
  "\x03": "interrupt",
  "\t": "tab",
  "\r": "enter",
  "\n": "enter",
  "\x7f": "backspace",
  "\b": "backspace",
};

/** Splits what a terminal sent into keys: characters, and names of other keys. */
export function keysOf(text: string): string[] {
  // deno-lint-ignore no-control-regex -- ECMA-48, section 5.4: what a control sequence consists of
  const parts = text.match(/\x1b\[[0-?]*[ -/]*[@-~]|\x1bO.|./gsu) ?? [];
  return parts.map((part) => SEQUENCES[part] ?? part).filter((key) => !key.startsWith("\x1b"));
}

/** Returns the state after a key. */
export function press(state: TopState, key: string, shown: TopShown): TopState {
  if (key === "interrupt") return { ...state, over: true };
  if (state.typing) return type(state, key);
  const { view } = state;
  switch (key) {
    case "q":
      return { ...state, over: true };
    case "1":
    case "2":
    case "3":
      return { ...state, view: TOP_VIEWS[Number(key) - 1]!, scroll: 0 };
    case "tab":
      return { ...state, view: next(view), scroll: 0 };
    case "left":
    case "<":
      return sorted(state, -1, shown);
    case "right":
    case ">":
      return sorted(state, 1, shown);
    case "r": {
      const { column, descending } = state.sorts[view];
      return withSort(state, { column: column ?? 0, descending: !descending });
    }
    case "/":
      return { ...state, typing: true };
    case "escape":
      return { ...state, filter: "", scroll: 0 };
    default:
      return scrolled(state, key, shown);
  }
}

function next(view: TopView): TopView {
  return TOP_VIEWS[(TOP_VIEWS.indexOf(view) + 1) % TOP_VIEWS.length]!;
}

function type(state: TopState, key: string): TopState {
  const { filter } = state;
  if (key === "enter") return { ...state, typing: false };
  if (key === "escape") return { ...state, typing: false, filter: "", scroll: 0 };
  if (key === "backspace") return { ...state, filter: filter.slice(0, -1), scroll: 0 };
  const fits = /^[\x20-\x7e]$/.test(key) && filter.length < MAX_FILTER;
  return fits ? { ...state, filter: filter + key, scroll: 0 } : state;
}

function withSort(state: TopState, sort: TopSort): TopState {
  return { ...state, sorts: { ...state.sorts, [state.view]: sort }, scroll: 0 };
}

/** Moves to the next column; before the first and after the last the view is unsorted. */
function sorted(state: TopState, by: number, { columns }: TopShown): TopState {
  const { column, descending } = state.sorts[state.view];
  const count = columns[state.view] + 1;
  const at = ((column ?? -1) + 1 + by + count) % count;
  return withSort(state, { column: at === 0 ? undefined : at - 1, descending });
}

function scrolled(state: TopState, key: string, { rows, height }: TopShown): TopState {
  const steps: Readonly<Record<string, number>> = {
    up: -1,
    k: -1,
    down: 1,
    j: 1,
    "page up": -height,
    "page down": height,
  };
  const last = Math.max(0, rows - height);
  const scroll = Math.min(last, Math.max(0, state.scroll + (steps[key] ?? 0)));
  return { ...state, scroll };
}

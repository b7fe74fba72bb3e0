import { describe, expect, test } from "vitest";
import { InvariantError } from "../errors.ts";
import { type Chart, CompiledChart, DISCARD, FORWARD, type Handled, ignore } from "./Chart.ts";
import { type Coverage, coverage_report, new_coverage } from "./Coverage.ts";
import { Machine } from "./Machine.ts";
import { render_diagram, render_table } from "./render.ts";

type S = "Off" | "On" | "Idle" | "Busy" | "Deep";
type E = { type: "go" | "stop" | "work" | "tick" | "deeper" | "again" | "post" | "bad" | "loop" };
interface M {
  readonly said: string[];
  post(e: E): void;
}
const say = (what: string) => (m: M) => {
  m.said.push(what);
};
const chart: Chart<S, M, E> = {
  Off: { enter: say("+Off"), exit: say("-Off"), on: { go: "On", tick: ignore } },
  On: {
    initial: "Idle",
    enter: say("+On"),
    exit: say("-On"),
    on: {
      stop: "Off",
      again: "On",
      tick: (m): Handled => {
        m.said.push("On.tick");
        return DISCARD;
      },
      bad: [() => "Deep", "Off"],
    },
  },
  Idle: {
    in: "On",
    enter: say("+Idle"),
    exit: say("-Idle"),
    on: {
      work: "Busy",
      tick: (m): Handled => {
        m.said.push("Idle.tick");
        return FORWARD;
      },
      post: (m): Handled => {
        m.post({ type: "work" });
        m.post({ type: "stop" });
        m.said.push("posted");
        return DISCARD;
      },
      loop: (m): Handled => {
        m.post({ type: "loop" });
        return DISCARD;
      },
    },
  },
  Busy: {
    in: "On",
    initial: "Deep",
    enter: say("+Busy"),
    exit: say("-Busy"),
    on: { deeper: FORWARD_HANDLER() },
  },
  Deep: { in: "Busy", enter: say("+Deep"), exit: say("-Deep"), on: { again: "Idle" } },
};
function FORWARD_HANDLER() {
  return (): Handled => FORWARD;
}

function machine(coverage: Coverage | null = null) {
  const said: string[] = [];
  let now = 0;
  const moves: [string, string, string, number][] = [];
  const compiled = new CompiledChart(chart, "Off");
  const m: M = { said, post: (e) => sm.post_event(e) };
  const sm: Machine<S, M, E> = new Machine(
    compiled,
    m,
    {
      now_ms: () => 1000 + now,
      mono_ms: () => now++,
      on_transition: (from, to, evt, ms) => moves.push([from, to, evt, ms]),
    },
    coverage,
  );
  sm.initiate();
  const feed = (...types: E["type"][]) => {
    said.length = 0;
    for (const type of types) sm.process_event({ type });
    return said.join(" ");
  };
  return { sm, feed, said, moves, compiled };
}

describe("Machine", () => {
  test("enters from the outside, leaves from the inside", () => {
    const { feed, sm } = machine();
    expect(feed("go")).toBe("-Off +On +Idle");
    expect(sm.state).toBe("Idle");
    expect(feed("work")).toBe("-Idle +Busy +Deep");
    expect(feed("stop")).toBe("-Deep -Busy -On +Off");
  });

  test("a transition to the state itself leaves it and enters it", () => {
    const { feed } = machine();
    feed("go");
    expect(feed("again")).toBe("-Idle -On +On +Idle");
  });

  test("the innermost state decides first", () => {
    const { feed } = machine();
    feed("go", "work");
    expect(feed("again")).toBe("-Deep -Busy +Idle");
    expect(feed("tick")).toBe("Idle.tick On.tick");
  });

  test("posted events come right after the reaction, in order", () => {
    const { feed } = machine();
    feed("go");
    expect(feed("post")).toBe("posted -Idle +Busy +Deep -Deep -Busy -On +Off");
  });

  test("an event that nobody lists is an error", () => {
    const { feed, sm } = machine();
    expect(() => feed("work")).toThrow(InvariantError);
    feed("go", "work");
    // Deep's parent forwards, and nobody above lists it.
    expect(() => feed("deeper")).toThrow(/does not list this event/);
    expect(sm.state).toBe("Deep");
  });

  test("a transition that the table does not declare is an error", () => {
    const { feed } = machine();
    feed("go");
    expect(() => feed("bad")).toThrow(/does not declare/);
  });

  test("endless posting is stopped", () => {
    const { feed } = machine();
    feed("go");
    expect(() => feed("loop")).toThrow(/without end/);
  });

  test("an event cannot be fed from inside a reaction, nor before the start", () => {
    const compiled = new CompiledChart(chart, "Off");
    const sm = new Machine<S, M, E>(
      compiled,
      { said: [], post: () => sm.process_event({ type: "stop" }) },
      { now_ms: () => 0, mono_ms: () => 0 },
    );
    expect(() => sm.process_event({ type: "go" })).toThrow(/not ready/);
    sm.initiate();
    sm.process_event({ type: "go" });
    expect(() => sm.process_event({ type: "post" })).toThrow(/not ready/);
  });

  test("tells where it is and since when", () => {
    const { feed, sm, moves } = machine();
    feed("go", "work");
    expect(sm.stack()).toEqual([
      { name: "Deep", path: "On/Busy/Deep", enter_time: 1002 },
      { name: "Busy", path: "On/Busy", enter_time: 1002 },
      { name: "On", path: "On", enter_time: 1001 },
    ]);
    expect(sm.in_state("On")).toBe(true);
    expect(sm.in_state("Idle")).toBe(false);
    expect(moves).toEqual([
      ["Off", "Idle", "go", 1],
      ["Idle", "Deep", "work", 1],
    ]);
  });

  test("counts states and lines", () => {
    const compiled = new CompiledChart(chart, "Off");
    const coverage = new_coverage(compiled);
    const { feed } = machine(coverage);
    feed("go", "tick", "stop", "go");
    const { states, rows } = coverage_report(compiled, coverage);
    expect(states.map((s) => s.count)).toEqual([2, 2, 2, 0, 0]);
    const count = (state: S, event: string) =>
      rows.filter((r) => r.state === state && r.event === event).map((r) => r.count);
    expect(count("Off", "go")).toEqual([2]);
    expect(count("Idle", "tick")).toEqual([1]);
    expect(count("On", "bad")).toEqual([0, 0]);
  });
});

describe("CompiledChart", () => {
  type X = "A" | "B";
  const compile = (c: Chart<X, null, E>) => new CompiledChart(c, "A");

  test("refuses a chart that makes no sense", () => {
    expect(() => compile({ A: {}, B: { in: "A" } })).toThrow(/needs `initial`/);
    expect(() => compile({ A: { initial: "B" }, B: {} })).toThrow(/not a child/);
    expect(() => compile({ A: { in: "B" }, B: { in: "A" } })).toThrow(/circle/);
    const bad = { A: { on: { go: "C" } }, B: {} } as unknown as Chart<X, null, E>;
    expect(() => compile(bad)).toThrow(/unknown state/);
  });
});

test("the printed chart", () => {
  const compiled = new CompiledChart(chart, "Off");
  expect(render_table(compiled)).toBe(
    [
      "| State | Event | Reaction |",
      "|---|---|---|",
      "| **Off** | |  |",
      "| | go | → On |",
      "| | tick | ignored |",
      "| **On** | | enters Idle |",
      "| | stop | → Off |",
      "| | again | → On |",
      "| | tick | handled |",
      "| | bad | handled, may go → Off |",
      "| &nbsp;&nbsp;**Idle** | |  |",
      "| | work | → Busy |",
      "| | tick | handled |",
      "| | post | handled |",
      "| | loop | handled |",
      "| &nbsp;&nbsp;**Busy** | | enters Deep |",
      "| | deeper | handled |",
      "| &nbsp;&nbsp;&nbsp;&nbsp;**Deep** | |  |",
      "| | again | → Idle |",
      "",
    ].join("\n"),
  );
  const diagram = render_diagram(compiled, "Off");
  expect(diagram).toContain("  state On {\n    [*] --> Idle\n    state Idle\n    state Busy {");
  expect(diagram).toContain("  Deep --> Idle : again");
});

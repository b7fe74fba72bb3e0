import { expect, test } from "vitest";
import { StateHistory } from "./StateHistory.ts";

test("what happened in an outermost state is kept together, in the order of leaving", () => {
  const h = new StateHistory();
  h.enter("Reset", 12, 1000);
  h.exit(2000);
  h.enter("Started", 13, 2000);
  h.enter("Start", 13, 2500);
  h.exit(3000);
  h.enter("Started/Stray", 14, 3000);
  const at = (s: number) => `${s}.000000`;
  const reset = { epoch: "12", states: [{ state: "Reset", enter: at(1), exit: at(2) }] };
  expect(h.dump()).toEqual({ currently: "Started/Stray", history: [reset] });
  h.exit(5000);
  h.exit(6000);
  h.enter("Reset", 15, 6000);
  const started = {
    epoch: "13",
    states: [
      { state: "Start", enter: "2.500000", exit: at(3) },
      { state: "Started/Stray", enter: at(3), exit: at(5) },
      { state: "Started", enter: at(2), exit: at(6) },
    ],
  };
  expect(h.dump()).toEqual({ currently: "Reset", history: [reset, started] });
});

test("the last ten", () => {
  const h = new StateHistory();
  for (let e = 1; e <= 12; e++) {
    h.enter("Reset", e, e);
    h.exit(e);
  }
  const epochs = h.dump().history.map((x) => x.epoch);
  expect(epochs).toEqual(["3", "4", "5", "6", "7", "8", "9", "10", "11", "12"]);
});

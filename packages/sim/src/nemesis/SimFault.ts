/** A fault that needs the simulator's world, or none of its own. */
import type { Fault } from "@tako/client/chaos";
import type { World } from "../World.ts";

export type SimFault = Fault<World>;
